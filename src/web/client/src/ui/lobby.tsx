/** Before the meeting: see oneself, choose devices, say one's name, join. */
import { useEffect, useState } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import { NAME_CHARS_MAX } from "../words/wire";
import { DeviceChoices } from "./devices";
import { Outside } from "./guests";
import { icons, Mark } from "./icons";
import { textOr, t } from "./texts";
import { classes, Picture } from "./tile";
import { LanguageChoice } from "./settings";

const NAME_KEY = "alcove.name";
/** The longest code, however it is typed. */
const CODE_CHARS_MAX = 16;
/** How often the join is prepared anew at most, in milliseconds. */
const PREPARE_EVERY_MS = 1_000;

export function Lobby({ attendance }: { attendance: Attendance }) {
  usePreparedJoin(attendance);
  return (
    <main class="lobby" data-testid="lobby">
      <section class="preview-side">
        <Preview attendance={attendance} />
      </section>
      <section class="join-side">
        <p class="meeting-name"><Mark />{attendance.place.meeting}</p>
        <h1>{t("lobby.title")}</h1>
        {attendance.place.roomKey && <InRoom roomKey={attendance.place.roomKey} />}
        <JoinForm attendance={attendance} />
        <DeviceChoices devices={attendance.devices} />
        <LanguageChoice />
      </section>
    </main>
  );
}

/** Whoever has scanned the room's screen can control the room instead of joining. */
function InRoom({ roomKey }: { roomKey: string }) {
  return (
    <aside class="in-room" data-testid="in-room">
      <strong>{t("lobby.room")}</strong>
      <p>{t("lobby.room.hint")}</p>
      <a class="quiet" data-testid="control-room" href={`/room#c=${encodeURIComponent(roomKey)}`}>{icons.room}{t("lobby.room.control")}</a>
    </aside>
  );
}

/** The wire closes when nothing is said on it for a while; any sign of life opens it again. */
function usePreparedJoin(attendance: Attendance): void {
  useEffect(() => {
    let last = -Infinity;
    const prepare = (event?: Event) => {
      const now = event?.timeStamp ?? 0;
      if (now - last < PREPARE_EVERY_MS) return;
      last = now;
      attendance.prepare();
    };
    prepare();
    const signs = ["pointermove", "pointerdown", "keydown", "focus"] as const;
    for (const sign of signs) addEventListener(sign, prepare, { passive: true });
    return () => {
      for (const sign of signs) removeEventListener(sign, prepare);
    };
  }, [attendance]);
}

function JoinForm({ attendance }: { attendance: Attendance }) {
  const { phase, refusal, denied, waiting } = useCell(attendance.view);
  const [name, setName] = useState(() => localStorage.getItem(NAME_KEY) ?? "");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [asksPassword, setAsksPassword] = useState(false);
  const joining = phase === "joining";
  useEffect(() => {
    if (refusal?.code === "wrong-password") setAsksPassword(true);
  }, [refusal]);
  const join = (event: Event) => {
    event.preventDefault();
    localStorage.setItem(NAME_KEY, name.trim());
    void attendance.enter(name.trim(), password, code.trim());
  };
  // A first question for the password is no mistake of anybody's.
  const isQuestion = refusal?.code === "wrong-password" && password === "";
  return (
    <form class="join" onSubmit={join}>
      <label class="field">
        <span>{t("lobby.name")}</span>
        <input
          data-testid="name" name="name" autocomplete="name" required maxLength={NAME_CHARS_MAX} pattern=".*\S.*"
          placeholder={t("lobby.name.hint")} value={name} autofocus={name === "" && hasKeyboard()}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      {attendance.place.token === "" && (
        <label class="field">
          <span>{t("lobby.code")}</span>
          <input
            data-testid="code" name="code" autocomplete="off" autocapitalize="characters" spellcheck={false} required
            maxLength={CODE_CHARS_MAX} placeholder="XXXX-XXXX" value={code}
            onInput={(event) => setCode(event.currentTarget.value)}
          />
        </label>
      )}
      {asksPassword && (
        <label class="field">
          <span>{t("lobby.password")}</span>
          <input
            data-testid="password" type="password" autocomplete="off" required autofocus value={password}
            ref={(input) => {
              if (isQuestion) input?.focus();
            }}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </label>
      )}
      {refusal && !isQuestion && (
        <p class="problem" role="alert" data-testid="refusal" data-code={refusal.code}>
          {denied ? t("waiting.denied") : textOr(`refusal.${refusal.code}`, refusal.detail)}
        </p>
      )}
      {waiting ? (
        <Outside attendance={attendance} waiting={waiting} />
      ) : (
        <button class="primary" data-testid="join" disabled={joining} type="submit">
          {t(joining ? "lobby.joining" : "lobby.join")}
        </button>
      )}
    </form>
  );
}

/** Where there is only a screen keyboard, it shall not jump up by itself. */
function hasKeyboard(): boolean {
  return matchMedia("(pointer: fine)").matches;
}

function Preview({ attendance }: { attendance: Attendance }) {
  const { microphoneOn, cameraOn } = useCell(attendance.view);
  const { camera, microphone, asked, problems } = useCell(attendance.devices.view);
  const dark = !cameraOn || problems.camera ? "lobby.camera.off" : "lobby.camera.starting";
  const hasNoMicrophone = asked && !microphone;
  const hasNoCamera = asked && problems.camera !== undefined;
  return (
    <div class="preview" role="group" aria-label={t("lobby.preview")}>
      <div class="picture">{camera && cameraOn ? <Picture track={camera} /> : <p>{t(dark)}</p>}</div>
      <div class="round-bar">
        <button
          type="button" data-testid="lobby-microphone" class={classes("round", (!microphoneOn || hasNoMicrophone) && "off")}
          aria-pressed={microphoneOn} disabled={hasNoMicrophone}
          aria-label={t(microphoneOn ? "control.mute" : "control.unmute")}
          title={t(microphoneOn ? "control.mute" : "control.unmute")}
          onClick={() => attendance.toggleMicrophone()}
        >
          {microphoneOn && !hasNoMicrophone ? icons.microphone : icons.microphoneOff}
        </button>
        <button
          type="button" data-testid="lobby-camera" class={classes("round", (!cameraOn || hasNoCamera) && "off")}
          aria-pressed={cameraOn} disabled={hasNoCamera}
          aria-label={t(cameraOn ? "control.camera.off" : "control.camera.on")}
          title={t(cameraOn ? "control.camera.off" : "control.camera.on")}
          onClick={() => attendance.toggleCamera()}
        >
          {cameraOn && !hasNoCamera ? icons.camera : icons.cameraOff}
        </button>
      </div>
    </div>
  );
}
