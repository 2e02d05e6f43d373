/** The bar of controls below the meeting. */
import type { ComponentChildren } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import { includes, mayModerate, maySend, me, others, type Meeting } from "../words/meeting";
import { CallHere } from "./calls/here";
import { useUnread } from "./chat";
import { icons } from "./icons";
import type { Arrangement, Side } from "./meeting";
import { ReactionChoice } from "./reactions";
import { t } from "./texts";
import { classes } from "./tile";

interface ControlsProps {
  attendance: Attendance;
  arrangement: Arrangement;
  change(fields: Partial<Arrangement>): void;
}

export function Controls({ attendance, arrangement, change }: ControlsProps) {
  const { meeting } = useCell(attendance.view);
  // Who hangs up asks for nobody's end but their own.
  const calls = useContext(CallHere);
  if (!meeting) return null;
  const self = me(meeting);
  const role = self?.role;
  const count = others(meeting).length + 1;
  return (
    <nav class="controls" aria-label={t("control.bar")}>
      <div class="said-controls">
        <Hand attendance={attendance} up={self?.hand !== undefined} />
        {includes(meeting.info.rights.chat, role) && <React attendance={attendance} />}
        <ChatButton meeting={meeting} arrangement={arrangement} change={change} />
        {(mayModerate(role) || meeting.polls.length > 0) && (
          <Round
            id="polls" icon={icons.poll} label={t("polls.title")} keys="L" pressed={arrangement.side === "polls"}
            onClick={() => change({ side: arrangement.side === "polls" ? null : "polls" })}
          />
        )}
      </div>
      <div class="main-controls">
        {maySend(role) && <Own attendance={attendance} meeting={meeting} />}
        <Leave attendance={attendance} isHost={role === "host" && !calls} count={count} />
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

function Hand({ attendance, up }: { attendance: Attendance; up: boolean }) {
  return (
    <Round
      id="hand" icon={icons.hand} keys="H" pressed={up} on={up} label={t(up ? "control.hand.down" : "control.hand")}
      onClick={() => attendance.toggleHand()}
    />
  );
}

function React({ attendance }: { attendance: Attendance }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useElsewhere(open, box, () => setOpen(false));
  return (
    <div class="leaving" ref={box}>
      <Round id="react" icon={icons.smile} pressed={open} label={t("control.react")} onClick={() => setOpen(!open)} />
      {open && <ReactionChoice attendance={attendance} onDone={() => setOpen(false)} />}
    </div>
  );
}

function ChatButton({ meeting, arrangement, change }: { meeting: Meeting } & Omit<ControlsProps, "attendance">) {
  const open = isChat(arrangement.side);
  const unread = useUnread(meeting.chat, meeting.you, open);
  const label = unread > 0 ? t("chat.unread", { count: unread }) : t("chat.title");
  return (
    <Round
      id="chat" icon={icons.chat} keys="T" pressed={open} label={label} {...(unread > 0 ? { count: unread } : {})}
      onClick={() => change({ side: open ? null : { chat: "all" } })}
    />
  );
}

/** Whether the chat is looked at. */
export function isChat(side: Side): boolean {
  return side !== null && typeof side === "object" && "chat" in side;
}

/** Closes what is open when something else is pressed, or Escape. */
export function useElsewhere(open: boolean, box: { readonly current: HTMLElement | null }, close: () => void): void {
  useEffect(() => {
    if (!open) return undefined;
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    const look = (event: Event) => {
      const isElsewhere = event instanceof KeyboardEvent ? event.key === "Escape" : !box.current?.contains(event.target as Node);
      if (isElsewhere) close();
    };
    addEventListener("pointerdown", look);
    addEventListener("keydown", look);
    return () => {
      removeEventListener("pointerdown", look);
      removeEventListener("keydown", look);
    };
  }, [open]);
}

/** Microphone, camera and screen: what goes out from me. */
function Own({ attendance, meeting }: { attendance: Attendance; meeting: Meeting }) {
  const hasVideo = meeting.info.mode === "video";
  const mayShare = includes(meeting.info.rights.share, me(meeting)?.role);
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
      {hasVideo && canShare() && (mayShare || screen) && (
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
  const box = useRef<HTMLDivElement>(null);
  useElsewhere(open, box, () => setOpen(false));
  return (
    <div class="leaving" ref={box}>
      <button
        type="button" class="round leave" data-testid="leave" aria-label={t("control.leave")} title={t("control.leave")}
        aria-haspopup={isHost ? "menu" : undefined} aria-expanded={isHost ? open : undefined}
        onClick={() => (isHost ? setOpen(!open) : attendance.leave())}
      >
        {icons.leave}
      </button>
      {open && (
        <div class="menu" role="menu">
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
  /** The key that does the same, if any. */
  keys?: string;
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
      title={props.keys ? `${props.label} (${props.keys})` : props.label} onClick={props.onClick}
    >
      {props.icon}
      {props.count !== undefined && <span class="count" aria-hidden="true">{props.count}</span>}
    </button>
  );
}
