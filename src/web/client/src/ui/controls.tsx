/** The bar of controls below the meeting. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import { maySend, me } from "../words/meeting";
import { icons } from "./icons";
import type { Arrangement } from "./meeting";
import { t } from "./texts";
import { classes } from "./tile";

interface ControlsProps {
  attendance: Attendance;
  arrangement: Arrangement;
  change(fields: Partial<Arrangement>): void;
}

export function Controls({ attendance, arrangement, change }: ControlsProps) {
  const { meeting } = useCell(attendance.view);
  const role = meeting ? me(meeting)?.role : undefined;
  const count = meeting?.participants.length ?? 0;
  return (
    <nav class="controls" aria-label={t("control.bar")}>
      <div class="main-controls">
        {maySend(role) && <Own attendance={attendance} hasVideo={meeting?.info.mode === "video"} />}
        <Leave attendance={attendance} isHost={role === "host"} count={count} />
      </div>
      <div class="side-controls">
        <Round
          id="layout" icon={arrangement.layout === "stage" ? icons.grid : icons.stage} keys="G"
          label={t(arrangement.layout === "stage" ? "control.grid" : "control.stage")}
          onClick={() => change({ layout: arrangement.layout === "stage" ? "grid" : "stage" })}
        />
        <Round
          id="people" icon={icons.people} label={t("people.title", { count })} keys="P" pressed={arrangement.side === "people"}
          count={count} onClick={() => change({ side: arrangement.side === "people" ? null : "people" })}
        />
        <Round id="settings" icon={icons.settings} label={t("control.settings")} keys="?" onClick={() => change({ settings: true })} />
        <FullScreen />
      </div>
    </nav>
  );
}

/** Microphone, camera and screen: what goes out from me. */
function Own({ attendance, hasVideo }: { attendance: Attendance; hasVideo: boolean }) {
  const { microphoneOn, cameraOn, screen } = useCell(attendance.view);
  const { microphone, problems } = useCell(attendance.devices.view);
  const heard = microphoneOn && microphone !== null;
  const seen = cameraOn && problems.camera === undefined;
  return (
    <>
      <Round
        id="microphone" icon={heard ? icons.microphone : icons.microphoneOff} off={!heard} pressed={heard} keys="M"
        label={t(heard ? "control.mute" : "control.unmute")} onClick={() => attendance.toggleMicrophone()}
      />
      {hasVideo && (
        <Round
          id="camera" icon={seen ? icons.camera : icons.cameraOff} off={!seen} pressed={seen} keys="V"
          label={t(seen ? "control.camera.off" : "control.camera.on")} onClick={() => attendance.toggleCamera()}
        />
      )}
      {hasVideo && canShare() && (
        <Round
          id="share" icon={screen ? icons.shareStop : icons.share} pressed={screen !== null} on={screen !== null} keys="S"
          label={t(screen ? "control.share.stop" : "control.share")} onClick={() => void attendance.toggleShare()}
        />
      )}
    </>
  );
}

/** Phones cannot share their screens. */
export function canShare(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

/** Leaves at once; a host is asked whether it is for everybody. */
function Leave({ attendance, isHost, count }: { attendance: Attendance; isHost: boolean; count: number }) {
  const [open, setOpen] = useState(false);
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return undefined;
    menu.current?.querySelector("button")?.focus();
    const close = (event: Event) => {
      const isElsewhere = event instanceof KeyboardEvent ? event.key === "Escape" : !menu.current?.parentElement?.contains(event.target as Node);
      if (isElsewhere) setOpen(false);
    };
    addEventListener("pointerdown", close);
    addEventListener("keydown", close);
    return () => {
      removeEventListener("pointerdown", close);
      removeEventListener("keydown", close);
    };
  }, [open]);
  return (
    <div class="leaving">
      <button
        type="button" class="round leave" data-testid="leave" aria-label={t("control.leave")} title={t("control.leave")}
        aria-haspopup={isHost ? "menu" : undefined} aria-expanded={isHost ? open : undefined}
        onClick={() => (isHost ? setOpen(!open) : attendance.leave())}
      >
        {icons.leave}
      </button>
      {open && (
        <div ref={menu} class="menu" role="menu">
          <MenuItem id="leave-only" title={t("control.leave.only")} hint={t("control.leave.only.hint")} onClick={() => attendance.leave()} />
          <MenuItem id="end" title={t("control.end")} hint={t("control.end.hint", { count })} danger onClick={() => attendance.endForAll()} />
        </div>
      )}
    </div>
  );
}

function MenuItem(props: { id: string; title: string; hint: string; danger?: boolean; onClick(): void }) {
  return (
    <button type="button" role="menuitem" data-testid={props.id} class={classes(props.danger && "danger")} onClick={props.onClick}>
      <strong>{props.title}</strong>
      <small>{props.hint}</small>
    </button>
  );
}

function FullScreen() {
  const [full, setFull] = useState(document.fullscreenElement !== null);
  useEffect(() => {
    const look = () => setFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  if (!document.fullscreenEnabled) return null;
  return (
    <Round
      id="fullscreen" icon={icons.fullscreen} keys="F" pressed={full}
      label={t(full ? "control.fullscreen.exit" : "control.fullscreen")} onClick={toggleFullScreen}
    />
  );
}

export function toggleFullScreen(): void {
  const change = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
  change.catch(() => undefined);
}

function Round(props: {
  id: string;
  icon: ComponentChildren;
  label: string;
  /** The key that does the same. */
  keys: string;
  pressed?: boolean;
  off?: boolean;
  on?: boolean;
  count?: number;
  onClick(): void;
}) {
  return (
    <button
      type="button" class={classes("round", props.off && "off", props.on && "on")} data-testid={props.id}
      aria-pressed={props.pressed} aria-label={props.label} aria-keyshortcuts={props.keys}
      title={`${props.label} (${props.keys})`} onClick={props.onClick}
    >
      {props.icon}
      {props.count !== undefined && <span class="count" aria-hidden="true">{props.count}</span>}
    </button>
  );
}
