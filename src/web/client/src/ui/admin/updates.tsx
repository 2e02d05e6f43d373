/** Updates of the image: which version runs, a new one sent from here, how far it is, and the restart that takes it. */
import { useRef, useState } from "preact/hooks";
import { useCell } from "../../cell";
import { asRefused } from "../../admin/api";
import { classes } from "../tile";
import { signs } from "./icons";
import { Card, Refusal, Sure, useAdmin, useAsked, useDoing } from "./parts";
import { t } from "./texts";

interface Slot {
  readonly name: string;
  readonly booted: boolean;
  readonly state: string;
  readonly version: string;
}

interface State {
  readonly compatible: string;
  readonly operation: string;
  readonly progress_percent: number;
  readonly progress: string;
  readonly last_error: string;
  readonly slots: readonly Slot[];
  readonly restart_needed: boolean;
  readonly went_back: boolean;
}

/** How often is looked how far an installation is, in milliseconds. */
const LOOK_EVERY_MS = 2_000;

export function Updates() {
  const admin = useAdmin();
  const { status } = useCell(admin.view);
  const state = useAsked(() => admin.api.get<State>("updates"), LOOK_EVERY_MS, "updates");
  const isPackage = state.refused?.code === "unsupported-mode";
  return (
    <div class="updates">
      <Card title={t("updates.now")} id="version" wide>
        <p class="version"><strong>Alcove {status?.version}</strong></p>
        {isPackage && <p class="hint" data-testid="package">{t("updates.package")}</p>}
        {isPackage && <pre><code>sudo apt update && sudo apt install alcove</code></pre>}
        {!isPackage && <Refusal of={state.refused} />}
        {state.body && <Slots state={state.body} />}
      </Card>
      {state.body && admin.may("configure") && <Install state={state.body} onDone={state.reload} />}
    </div>
  );
}

function Slots({ state }: { state: State }) {
  const admin = useAdmin();
  const [asks, setAsks] = useState(false);
  return (
    <>
      {state.went_back && <p class="problem">{t("updates.went.back")}</p>}
      {state.last_error !== "" && <p class="problem" role="alert">{state.last_error}</p>}
      <ul class="slots">
        {state.slots.map(({ name, booted, state, version }) => (
          <li key={name} class={classes("slot", booted && "booted")} data-testid={`slot-${name}`}>
            <strong>{name}</strong>
            <span>{version === "" ? t("updates.first") : version}</span>
            <small>{t(booted ? "updates.runs" : state === "good" ? "updates.waits" : "updates.bad")}</small>
          </li>
        ))}
      </ul>
      {state.restart_needed && (
        <div class="problem">
          <p>{t("updates.restart.hint")}</p>
          {admin.may("configure") && <button type="button" class="primary" data-testid="restart" onClick={() => setAsks(true)}>{t("updates.restart")}</button>}
        </div>
      )}
      {asks && <Sure title={t("updates.restart")} text={t("updates.restart.text")} yes={t("updates.restart")} onYes={() => admin.api.ask("POST", "commands/reboot")} onClose={() => setAsks(false)} />}
    </>
  );
}

function Install({ state, onDone }: { state: State; onDone(): Promise<void> }) {
  const { api } = useAdmin();
  const { busy, refused, act } = useDoing();
  const [sent, setSent] = useState(0);
  const stop = useRef(new AbortController());
  const install = (file: File | undefined) => {
    if (!file) return;
    stop.current = new AbortController();
    setSent(0);
    void act(async () => {
      await api.upload("updates", file, setSent, stop.current.signal);
      await onDone();
    });
  };
  const installs = state.operation === "installing";
  return (
    <Card title={t("updates.install")} id="install" wide>
      <p class="hint">{t("updates.install.hint", { board: state.compatible })}</p>
      <Refusal of={refused && asRefused(refused)} />
      {busy || installs ? (
        <div class="progress">
          <label>
            <span>{installs ? state.progress : t("updates.sending")}</span>
            <progress max={1} value={installs ? state.progress_percent / 100 : sent} />
          </label>
          <strong>{Math.round(installs ? state.progress_percent : sent * 100)} %</strong>
          {busy && !installs && <button type="button" class="quiet" onClick={() => stop.current.abort()}>{t("cancel")}</button>}
        </div>
      ) : (
        <label class="primary file">
          {signs.update}<span>{t("updates.choose")}</span>
          <input class="hidden" type="file" accept=".raucb" data-testid="bundle" onChange={(event) => install(event.currentTarget.files?.[0])} />
        </label>
      )}
    </Card>
  );
}
