/** The last states of the configuration, and the way back to them. */
import { useState } from "preact/hooks";
import { steps, type KeyInfo, type Revision } from "../../admin/config";
import { signs } from "./icons";
import { Awaited, Sure, useAdmin, useAsked } from "./parts";
import { moment, spoken, t } from "./texts";

export function Revisions({ etag, keys, onDone }: { etag: string; keys: readonly KeyInfo[]; onDone(): Promise<void> }) {
  const admin = useAdmin();
  const [open, setOpen] = useState(false);
  return (
    <details class="card wide folded" data-testid="revisions" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{signs.back}{t("revisions")}</summary>
      {open && <List key={etag} etag={etag} keys={keys} onDone={onDone} mayChange={admin.may("configure")} />}
    </details>
  );
}

function List({ etag, onDone, mayChange }: { etag: string; keys: readonly KeyInfo[]; onDone(): Promise<void>; mayChange: boolean }) {
  const { api } = useAdmin();
  const list = useAsked(() => api.get<Revision[]>("config/revisions"));
  const [back, setBack] = useState<number | null>(null);
  const goBack = async (revision: number) => {
    await api.ask("POST", "config/rollback", { body: { revision }, etag });
    await onDone();
  };
  return (
    <Awaited of={list}>
      {(revisions) => (
        <>
          <ol class="rows">
            {revisions.map((revision, at) => ({ revision, before: revisions[at - 1], isLast: at === revisions.length - 1 })).reverse()
              .map(({ revision, before, isLast }) => (
                <li key={revision.revision} class="row" data-testid={`revision-${revision.revision}`}>
                  <span class="number">{revision.revision}</span>
                  <div class="who">
                    <strong>{moment(revision.at_unix_ms)}</strong>
                    <small>{[revision.author, revision.note].filter(Boolean).join(" · ")}</small>
                    <Steps revision={revision} before={before} />
                  </div>
                  {isLast ? <span class="tag">{t("revisions.now")}</span> : mayChange && (
                    <button type="button" class="quiet small" data-testid={`back-${revision.revision}`} onClick={() => setBack(revision.revision)}>{t("revisions.back")}</button>
                  )}
                </li>
              ))}
            <li class="row">
              <span class="number">0</span>
              <div class="who"><strong>{t("revisions.first")}</strong><small>{t("revisions.first.hint")}</small></div>
              {revisions.length === 0 ? <span class="tag">{t("revisions.now")}</span> : mayChange && (
                <button type="button" class="quiet small" data-testid="back-0" onClick={() => setBack(0)}>{t("revisions.back")}</button>
              )}
            </li>
          </ol>
          {back !== null && (
            <Sure
              title={t("revisions.sure", { revision: back })} text={t("revisions.sure.text")} yes={t("revisions.back")}
              onYes={() => goBack(back)} onClose={() => setBack(null)}
            />
          )}
        </>
      )}
    </Awaited>
  );
}

/** What was said otherwise, in short. */
function Steps({ revision, before }: { revision: Revision; before: Revision | undefined }) {
  const all = steps(revision, before);
  if (all.length === 0) return <small>{t("revisions.same")}</small>;
  return (
    <ul class="steps">
      {all.slice(0, 8).map(({ key, before, after }) => <li key={key}><code>{key}</code> {spoken(before)} → {spoken(after)}</li>)}
      {all.length > 8 && <li>…</li>}
    </ul>
  );
}
