/** What a change would do, before it is made: each key before and after, what is to be known, and when it takes effect. */
import { useEffect, useState } from "preact/hooks";
import { movesTo, patchOf, type Changed, type Drafts, type KeyInfo } from "../../admin/config";
import { asRefused, type Refused } from "../../admin/api";
import { signs } from "./icons";
import { labelOf } from "./field";
import { Dialog, Refusal, useAdmin, useDoing } from "./parts";
import { spoken, t } from "./texts";

/** When what needs a start anew takes effect; the gentle one first. */
const MOMENTS = ["idle", "window", "now", "reboot"] as const;
type Moment = (typeof MOMENTS)[number];

/** How long a change that is made on trial waits for a word, in seconds. */
const TRIAL_S = 120;

interface Props {
  readonly drafts: Drafts;
  readonly etag: string;
  readonly keys: readonly KeyInfo[];
  /** Somebody else was faster: what there is now is read, and this is asked again. */
  onStale(): Promise<void>;
  onDone(): Promise<void>;
  onClose(): void;
}

export function Review({ drafts, etag, keys, onStale, onDone, onClose }: Props) {
  const { api } = useAdmin();
  const [changed, setChanged] = useState<Changed | null>(null);
  const [refused, setRefused] = useState<Refused | null>(null);
  const [wasStale, setWasStale] = useState(false);
  const [moment, setMoment] = useState<Moment>("idle");
  const [isOnTrial, setOnTrial] = useState(false);
  const { busy, refused: notDone, act } = useDoing();
  const change = async (query: string) => {
    const { body } = await api.ask<Changed>("PATCH", `config?${query}`, { body: patchOf(drafts), etag });
    return body;
  };
  const stale = async (cause: unknown) => {
    const { code } = asRefused(cause);
    if (code !== "stale") throw cause;
    setWasStale(true);
    await onStale();
  };
  useEffect(() => {
    setRefused(null);
    change("dryRun=true").then(setChanged, (cause: unknown) => stale(cause).catch((other: unknown) => setRefused(asRefused(other))));
  }, [etag, drafts]);
  const apply = () => act(async () => {
    try {
      await change(`apply=${moment}${isOnTrial ? `&confirmWithin=${TRIAL_S}` : ""}`);
    } catch (cause) {
      return stale(cause);
    }
    await onDone();
  });
  return (
    <Dialog title={t("review.title")} id="reviewed" onClose={onClose} wide>
      {wasStale && <p class="problem" role="status" data-testid="was-stale">{t("review.stale")}</p>}
      <Refusal of={refused} />
      {changed === null && refused === null && <p class="connecting"><span class="spinner" />{t("loading")}</p>}
      {changed && !refused && (
        <>
          <Differences changed={changed} keys={keys} drafts={drafts} />
          {changed.warnings.map((warning) => <p key={warning} class="problem" data-testid="warning">{warning}</p>)}
          {changed.confirm_within_s !== undefined ? <p class="hint">{signs.clock}{t("review.confirm", { seconds: changed.confirm_within_s })}</p> : changed.changes.length > 0 && (
            <label class="switch">
              <input type="checkbox" data-testid="on-trial" checked={isOnTrial} onChange={(event) => setOnTrial(event.currentTarget.checked)} />
              {t("review.trial", { seconds: TRIAL_S })}
            </label>
          )}
          <Moves changed={changed} />
          {changed.applies === "live" ? <p class="hint">{signs.check}{t("review.live")}</p> : <When applies={changed.applies} moment={moment} onChoose={setMoment} />}
        </>
      )}
      <Refusal of={notDone} />
      <div class="buttons">
        <button type="button" class="quiet" onClick={onClose}>{t("cancel")}</button>
        <button type="button" class="primary" data-testid="apply" disabled={busy || changed === null || refused !== null} onClick={() => void apply()}>
          {t("review.apply")}
        </button>
      </div>
    </Dialog>
  );
}

function Differences({ changed, keys, drafts }: { changed: Changed; keys: readonly KeyInfo[]; drafts: Drafts }) {
  const labels = new Map(keys.map((info) => [info.key, labelOf({ info, name: info.key })]));
  // A secret that changes is told without its value.
  const isSecret = (key: string) => keys.find((info) => info.key === key)?.range.includes("never shown") ?? false;
  const said = (key: string, value: unknown) =>
    isSecret(key) ? (drafts.get(key) === null ? "—" : "••••••") : spoken(value);
  if (changed.changes.length === 0) return <p class="hint">{t("review.nothing")}</p>;
  return (
    <ul class="differences" data-testid="differences">
      {changed.changes.map(({ key, before, after, applies }) => (
        <li key={key} data-testid={`difference-${key}`}>
          <strong>{labels.get(key) ?? key}</strong>
          <span class={applies === "live" ? "tag" : "tag warn"}>{t(`config.${applies}`)}</span>
          <span class="from-to">
            <del>{said(key, before)}</del><span aria-hidden="true">→</span><ins>{said(key, after)}</ins>
          </span>
        </li>
      ))}
    </ul>
  );
}

/** Here nothing answers any more. */
function Moves({ changed }: { changed: Changed }) {
  const host = movesTo(changed.changes, location);
  if (host === null) return null;
  const address = `https://${host}/admin#settings`;
  return (
    <p class="problem" data-testid="moves">
      {t("review.moves")} <a class="link" href={address} target="_blank" rel="noreferrer">{address}</a>
    </p>
  );
}

function When({ applies, moment, onChoose }: { applies: "media" | "restart"; moment: Moment; onChoose(moment: Moment): void }) {
  return (
    <fieldset class="moments">
      <legend>{t(`review.${applies}`)}</legend>
      {MOMENTS.map((one) => (
        <label key={one}>
          <input type="radio" name="moment" data-testid={`apply-${one}`} checked={one === moment} onChange={() => onChoose(one)} />
          <span>{t(`review.${one}`)}</span>
        </label>
      ))}
    </fieldset>
  );
}
