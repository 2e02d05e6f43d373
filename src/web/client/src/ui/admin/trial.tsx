/** Has the room try itself out, and the box show which it is. */
import { useEffect, useState } from "preact/hooks";
import { icons } from "../icons";
import { signs } from "./icons";
import { Card, Refusal, useAdmin, useDoing } from "./parts";
import { sentence, t, textOr } from "./texts";

interface Found {
  readonly what: string;
  readonly works: boolean | null;
  readonly message: string;
}

interface Operation {
  readonly id: number;
  readonly state: "running" | "succeeded" | "failed" | "cancelled";
  readonly progress_percent: number;
  readonly message: string;
  readonly result?: readonly Found[];
}

const LOOK_EVERY_MS = 400;

export function Trial() {
  const admin = useAdmin();
  const { busy, refused, act } = useDoing();
  const [operation, setOperation] = useState<Operation | null>(null);
  const runs = operation?.state === "running";
  useEffect(() => {
    if (!runs) return undefined;
    const timer = setInterval(() => {
      void admin.api.get<Operation>(`operations/${operation.id}`).then(setOperation, () => undefined);
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, [runs, operation?.id]);
  const begin = () => act(async () => setOperation((await admin.api.ask<Operation>("POST", "commands/test")).body));
  const identify = () => act(() => admin.api.ask("POST", "commands/identify"));
  return (
    <Card title={t("trial")} id="trial" wide>
      <p class="hint">{t("trial.hint")}</p>
      <div class="buttons start">
        {admin.may("configure") && <button type="button" class="primary" data-testid="test" disabled={busy || runs} onClick={() => void begin()}>{signs.check}{t("trial.do")}</button>}
        <button type="button" class="quiet" data-testid="identify" disabled={busy} onClick={() => void identify()}>{icons.screen}{t("trial.identify")}</button>
      </div>
      <Refusal of={refused} />
      {operation && (
        <div data-testid="trial-state" data-state={operation.state} aria-live="polite">
          {runs ? (
            <label class="progress"><progress max={100} value={operation.progress_percent} />{sentence(operation.message)}</label>
          ) : <p><strong>{sentence(operation.message)}</strong></p>}
          <ul class="rows">
            {(operation.result ?? []).map(({ what, works, message }) => (
              <li key={what} class="row" data-works={works}>
                <span class={`mood ${works === null ? "off" : works ? "good" : "bad"}`}>{works === null ? signs.off : works ? signs.check : signs.warning}</span>
                <div class="who"><strong>{textOr(`thing.${what}`, textOr(`trial.${what}`, what))}</strong><small>{sentence(message)}</small></div>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}
