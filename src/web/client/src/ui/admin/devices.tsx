/** The devices of the room: which one is used and why, how loud it is at the microphone, what the screen shows. */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { DEVICE_KEYS } from "../../admin/config";
import { icons } from "../icons";
import { signs } from "./icons";
import { Awaited, useAdmin, useAsked } from "./parts";
import { Screen } from "./screen";
import { t } from "./texts";
import { Trial } from "./trial";

/** The device as `alcove devices --json` tells it. */
interface Device {
  readonly class: "camera" | "microphone" | "speaker" | "display";
  readonly name: string;
  readonly chosen: boolean;
  readonly simulated: boolean;
  readonly reason: string;
}

interface Encoder {
  readonly name: string;
  readonly codec: string;
  readonly hardware: boolean;
  readonly outcome: { readonly Ok?: number; readonly Err?: string };
}

export interface Report {
  readonly devices: readonly Device[];
  readonly encoders: readonly Encoder[];
  readonly notes: readonly string[];
}

const CLASSES: readonly [Device["class"], JSX.Element][] = [
  ["camera", icons.camera], ["microphone", icons.microphone], ["speaker", icons.sound], ["display", icons.screen],
];

/** The faintest sound that a meter shows, in dBov, and how often it is asked for, in milliseconds. */
const FAINT_DBOV = -60;
const METER_EVERY_MS = 250;

export function Devices() {
  const admin = useAdmin();
  const report = useAsked(() => admin.api.get<Report>("device"), 10_000);
  return (
    <div class="devices">
      {admin.may("control") && <Screen everyMs={2_000} />}
      <Awaited of={report}>
        {({ devices, encoders, notes }) => (
          <>
            <div class="tiles">
              {CLASSES.map(([kind, icon]) => <Kind key={kind} kind={kind} icon={icon} devices={devices.filter((one) => one.class === kind)} />)}
            </div>
            {admin.may("control") && <Trial />}
            {notes.map((note) => <p key={note} class="problem">{note}</p>)}
            <details class="card wide folded" data-testid="encoders">
              <summary>{signs.chip}{t("devices.encoders")}</summary>
              <p class="hint">{t("devices.encoders.hint")}</p>
              <ul class="rows">{encoders.map((one) => <EncoderRow key={`${one.name} ${one.codec}`} encoder={one} />)}</ul>
            </details>
          </>
        )}
      </Awaited>
    </div>
  );
}

function Kind({ kind, icon, devices }: { kind: Device["class"]; icon: JSX.Element; devices: readonly Device[] }) {
  const key = Object.keys(DEVICE_KEYS).find((key) => DEVICE_KEYS[key] === kind) ?? "";
  const used = devices.find(({ chosen }) => chosen);
  const others = devices.filter(({ chosen }) => !chosen);
  return (
    <section class="card device" data-testid={`device-${kind}`}>
      <header><h3>{t(`devices.${kind}`)}</h3>{used?.simulated && <span class="tag warn">{t("devices.simulated")}</span>}</header>
      <div class="used">
        <span class={`mood ${used === undefined || used.simulated ? "unsure" : "good"}`}>{icon}</span>
        <div class="who"><strong>{used?.name ?? t("devices.none")}</strong><small>{used?.reason ?? ""}</small></div>
      </div>
      {kind === "microphone" && <Meter />}
      {others.length > 0 && (
        <details class="more">
          <summary>{t("devices.others", { count: others.length })}</summary>
          <ul>{others.map(({ name, reason }) => <li key={name}><strong>{name}</strong><small>{reason}</small></li>)}</ul>
        </details>
      )}
      <a class="link" href={`#settings/${key}`}>{t("devices.choose")}</a>
    </section>
  );
}

/** How loud it is, while the microphone captures: then the room is in a meeting, and not muted. */
function Meter() {
  const { api } = useAdmin();
  const [peak, setPeak] = useState(0);
  const { body } = useAsked(async () => {
    const levels = await api.get<{ microphone_dbov?: number }>("device/levels");
    const dbov = levels.microphone_dbov;
    const share = dbov === undefined ? 0 : Math.max(0, Math.min(1, 1 - dbov / FAINT_DBOV));
    // It rises at once and sinks slowly, as meters do.
    setPeak((before) => Math.max(share, before * 0.8));
    return levels;
  }, METER_EVERY_MS);
  if (body?.microphone_dbov === undefined) return <p class="hint" data-testid="meter-off">{t("devices.meter.off")}</p>;
  return (
    <div
      class="level" role="meter" data-testid="meter" aria-label={t("devices.meter")} aria-valuemin={-127} aria-valuemax={0}
      aria-valuenow={body.microphone_dbov} aria-valuetext={`${body.microphone_dbov} dB`}
    >
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="whole" width="100" height="8" />
        <rect class={peak > 0.92 ? "part loud" : "part"} width={(peak * 100).toFixed(1)} height="8" />
      </svg>
      <small>{body.microphone_dbov} dB</small>
    </div>
  );
}

function EncoderRow({ encoder: { name, codec, hardware, outcome } }: { encoder: Encoder }) {
  const works = outcome.Ok !== undefined;
  return (
    <li class="row">
      <span class={`mood ${works ? "good" : "off"}`}>{works ? signs.check : signs.off}</span>
      <div class="who">
        <strong>{name}</strong>
        <small>{[codec, t(hardware ? "devices.hardware" : "devices.software"), works ? t("devices.ms", { ms: (outcome.Ok ?? 0).toFixed(1) }) : outcome.Err].join(" · ")}</small>
      </div>
    </li>
  );
}
