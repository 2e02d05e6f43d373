/** Choosing a microphone, a camera and a loudspeaker, and trying them. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useCell } from "../cell";
import type { DeviceKind, Devices } from "../media/devices";
import { canChooseSpeaker, chime, Meter } from "../media/sound";
import { icons } from "./icons";
import { t } from "./texts";

/** All three choices, with what stands in the way of each. */
export function DeviceChoices({ devices }: { devices: Devices }) {
  return (
    <div class="choices">
      <Choose devices={devices} kind="microphone" />
      <MicrophoneMeter devices={devices} />
      <Choose devices={devices} kind="camera" />
      <Choose devices={devices} kind="speaker" />
      <SpeakerTest devices={devices} />
    </div>
  );
}

const SYMBOL = { microphone: icons.microphone, camera: icons.camera, speaker: icons.sound };

function Choose({ devices, kind }: { devices: Devices; kind: DeviceKind }) {
  const { choices, inUse, problems } = useCell(devices.view);
  if (kind === "speaker" && !canChooseSpeaker()) return null;
  const problem = kind === "speaker" ? undefined : problems[kind];
  const known = choices[kind].some((choice) => choice.id === inUse[kind]);
  return (
    <div class="choose">
      <label>
        <span class="symbol" title={t(`device.${kind}`)}>{SYMBOL[kind]}</span>
        <span class="hidden">{t(`device.${kind}`)}</span>
        <select
          data-testid={`choose-${kind}`}
          disabled={choices[kind].length === 0}
          value={known ? (inUse[kind] ?? "") : ""}
          onChange={(event) => void devices.choose(kind, event.currentTarget.value)}
        >
          {!known && <option value="">{t(choices[kind].length === 0 ? "device.none" : "device.default")}</option>}
          {choices[kind].map((choice) => (
            <option key={choice.id} value={choice.id}>{choice.label}</option>
          ))}
        </select>
      </label>
      {problem && kind !== "speaker" && (
        <p class="problem" role="status">
          {t(`problem.${kind}.${problem}`)}{" "}
          <button type="button" class="link" onClick={() => void devices.retry(kind)}>{t("device.retry")}</button>
        </p>
      )}
    </div>
  );
}

/** A bar that follows the voice. */
export function MicrophoneMeter({ devices }: { devices: Devices }) {
  const { microphone } = useCell(devices.view);
  const bar = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!microphone) return undefined;
    const meter = new Meter(microphone);
    let frame = 0;
    let shown = 0;
    const draw = () => {
      shown = Math.max(meter.level(), shown * 0.88);
      bar.current?.style.setProperty("--level", shown.toFixed(3));
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => {
      cancelAnimationFrame(frame);
      meter.close();
    };
  }, [microphone]);
  if (!microphone) return null;
  return (
    <div class="meter" role="img" aria-label={t("lobby.meter")} data-testid="microphone-meter">
      <div ref={bar} />
    </div>
  );
}

function SpeakerTest({ devices }: { devices: Devices }) {
  const [playing, setPlaying] = useState(false);
  const play = async () => {
    setPlaying(true);
    await chime(devices.view.value.inUse.speaker).catch(() => undefined);
    setPlaying(false);
  };
  return (
    <button type="button" class="quiet try" data-testid="speaker-test" disabled={playing} onClick={() => void play()}>
      {icons.sound}
      {t(playing ? "device.testing" : "device.test")}
    </button>
  );
}
