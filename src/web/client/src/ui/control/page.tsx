/** The room in one's hand: what it does, and what it shall do. Made for a phone held upright. */
import { useEffect, useState } from "preact/hooks";
import type { Control } from "../../control/control";
import { useCell } from "../../cell";
import type { CallState, UserEntry } from "../../words/calling";
import type { Arrangement, RoomState } from "../../words/control";
import { icons, Mark } from "../icons";
import { LanguageChoice } from "../settings";
import { Avatar, classes } from "../tile";
import { language, t, textOr } from "../texts";
import "../calls/calls.css";
import "./control.css";

const ARRANGEMENTS: readonly Arrangement[] = ["auto", "grid", "speaker"];
/** How long the slider rests before the room is asked, in milliseconds. */
const SLIDER_RESTS_MS = 120;

export function ControlPage({ control }: { control: Control }) {
  const { room, away, lost, refusal } = useCell(control.view);
  useCell(language);
  useEffect(() => {
    document.title = room ? t("panel.title", { room: room.name }) : "Alcove";
  }, [room?.name]);
  if (lost) return <Lost detail={textOr(`panel.lost.${lost.code}`, lost.detail)} />;
  if (!room) {
    return (
      <main class="sheet" data-testid="connecting">
        <Mark />
        <p class="connecting" role="status"><span class="spinner" />{t("calls.connecting")}</p>
      </main>
    );
  }
  return (
    <div class="calls panel" data-testid="control">
      <header class="calls-top">
        <Mark />
        <div class="who">
          <h1>{room.name}</h1>
          <p class="status" role="status" data-testid="room-state">{away ? t("calls.away") : stateOf(room)}</p>
        </div>
      </header>
      <div role="status" aria-live="polite">
        {refusal && <p class="problem" role="alert" data-testid="refusal" data-code={refusal.code}>{textOr(`calls.refusal.${refusal.code}`, refusal.detail)}</p>}
      </div>
      <main class="calls-floor">
        {room.call && <Call control={control} room={room} call={room.call} />}
        {room.meeting === null ? <Outside control={control} room={room} /> : <Inside control={control} room={room} meeting={room.meeting} />}
        <People control={control} room={room} />
        <LanguageChoice />
      </main>
    </div>
  );
}

function stateOf(room: RoomState): string {
  if (room.meeting === null) return t("panel.idle");
  if (room.others.length === 0) return t("panel.alone", { meeting: room.meeting });
  return t("panel.inside", { meeting: room.meeting, names: room.others.slice(0, 4).join(", ") + (room.others.length > 4 ? " …" : "") });
}

function Lost({ detail }: { detail: string }) {
  return (
    <main class="sheet" data-testid="control-lost">
      <Mark />
      <h1>{t("panel.lost")}</h1>
      <p>{detail}</p>
      <LanguageChoice />
    </main>
  );
}

/** A call that rings in the room, that it has begun, or that it is in. */
function Call({ control, room, call }: { control: Control; room: RoomState; call: CallState }) {
  const nameOf = (id: string) => room.users.find((user) => user.id === id)?.name ?? id;
  const mine = call.legs.find((leg) => leg.user === room.user);
  const rings = mine?.state === "ringing" || mine?.state === "knocking";
  const others = call.legs.filter((leg) => leg.user !== room.user).map((leg) => nameOf(leg.user)).join(", ");
  const what = rings ? (call.media === "video" ? "calls.rings.video" : "calls.rings.audio") : mine?.state === "calling" ? "panel.call.out" : "panel.call.in";
  return (
    <section class="calls-card ring-card" data-testid="room-call" data-state={mine?.state} aria-live="assertive">
      <div class="who"><strong>{rings ? nameOf(mine?.by ?? call.caller) : others}</strong><small>{t(what)}</small></div>
      <div class="answers">
        {rings && (
          <button type="button" class="primary" data-testid="accept" onClick={() => void control.accept()}>{icons.call}{t("calls.accept")}</button>
        )}
        <button
          type="button" class="danger" data-testid={rings ? "decline" : "hang-up"}
          onClick={() => void (rings ? control.decline() : control.hangUp())}
        >
          {icons.leave}{t(rings ? "calls.decline" : "panel.hang.up")}
        </button>
      </div>
    </section>
  );
}

function Inside({ control, room, meeting }: { control: Control; room: RoomState; meeting: string }) {
  return (
    <section class="calls-card" aria-label={t("panel.room")}>
      <div class="switches">
        <Switch id="room-microphone" on={room.microphone_on} icon={icons.microphone} off={icons.microphoneOff}
          label={t(room.microphone_on ? "panel.mute" : "panel.unmute")} onClick={() => void control.mute({ microphone: room.microphone_on })} />
        {room.has_video && (
          <Switch id="room-camera" on={room.camera_on} icon={icons.camera} off={icons.cameraOff}
            label={t(room.camera_on ? "panel.camera.off" : "panel.camera.on")} onClick={() => void control.mute({ camera: room.camera_on })} />
        )}
        {!room.call && (
          <button type="button" class="pad danger" data-testid="room-leave" onClick={() => void control.leave()}>
            {icons.leave}<span>{t("panel.leave.room")}</span>
          </button>
        )}
      </div>
      <Volume control={control} percent={room.volume_percent} />
      {room.has_video && <Arrangements control={control} chosen={room.arrangement} />}
      {room.join_url !== null && (
        <a class="quiet share" data-testid="share" href={room.join_url} target="_blank" rel="noreferrer">
          {icons.share}{t(room.is_shared ? "panel.share.too" : "panel.share")}
        </a>
      )}
      <p class="hint">{t("panel.share.hint", { meeting })}</p>
    </section>
  );
}

function Switch(props: { id: string; on: boolean; icon: preact.JSX.Element; off: preact.JSX.Element; label: string; onClick(): void }) {
  return (
    <button type="button" class={classes("pad", !props.on && "off")} data-testid={props.id} data-on={props.on} onClick={props.onClick}>
      {props.on ? props.icon : props.off}<span>{props.label}</span>
    </button>
  );
}

/** The slider follows the finger at once, and the room when it rests. */
function Volume({ control, percent }: { control: Control; percent: number }) {
  const [moved, setMoved] = useState<number | null>(null);
  useEffect(() => {
    if (moved === null) return undefined;
    const timer = setTimeout(() => void control.setVolume(moved).then(() => setMoved(null)), SLIDER_RESTS_MS);
    return () => clearTimeout(timer);
  }, [moved]);
  return (
    <label class="volume">
      <span>{icons.sound}{t("panel.volume")}</span>
      <input
        type="range" min="0" max="100" step="5" data-testid="volume" value={moved ?? percent}
        onInput={(event) => setMoved(Number(event.currentTarget.value))}
      />
    </label>
  );
}

function Arrangements({ control, chosen }: { control: Control; chosen: Arrangement }) {
  return (
    <fieldset class="arrangements">
      <legend>{t("panel.arrangement")}</legend>
      {ARRANGEMENTS.map((one) => (
        <label key={one} class={classes(one === chosen && "chosen")}>
          <input type="radio" name="arrangement" data-testid={`arrange-${one}`} checked={one === chosen} onChange={() => void control.arrange(one)} />
          {t(`panel.arrangement.${one}`)}
        </label>
      ))}
    </fieldset>
  );
}

function Outside({ control, room }: { control: Control; room: RoomState }) {
  const [name, setName] = useState("");
  const join = (event: Event) => {
    event.preventDefault();
    void control.join(name.trim());
  };
  return (
    <section class="calls-card" aria-labelledby="join-title">
      <header><h2 id="join-title">{t("panel.join.title")}</h2></header>
      <div class="card-body">
        <button type="button" class="primary" data-testid="join-standing" onClick={() => void control.join(room.standing_meeting)}>
          {t("panel.join.standing", { meeting: room.standing_meeting })}
        </button>
        <form class="join-other" onSubmit={join}>
          <label class="field">
            <span>{t("panel.join.other")}</span>
            <input required data-testid="join-name" autocapitalize="none" spellcheck={false} value={name} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          <button type="submit" class="quiet" data-testid="join-other">{t("panel.join")}</button>
        </form>
      </div>
    </section>
  );
}

function People({ control, room }: { control: Control; room: RoomState }) {
  if (room.users.length === 0) return null;
  return (
    <section class="calls-card" aria-labelledby="people-title">
      <header><h2 id="people-title">{t("panel.people")}</h2></header>
      <ul>{room.users.map((user) => <Entry key={user.id} control={control} user={user} />)}</ul>
    </section>
  );
}

function Entry({ control, user }: { control: Control; user: UserEntry }) {
  const { name } = user;
  const ring = (media: "audio" | "video") => void control.ring([user.id], media);
  return (
    <li data-testid={`user-${user.id}`} class={classes(user.presence === "offline" && "offline")}>
      <span class="choose-user">
        <span class="portrait"><Avatar name={name} room={user.kind === "room"} /><span class={classes("dot", user.presence)} aria-hidden="true" /></span>
        <span class="who"><strong>{name}</strong><small>{t(`calls.presence.${user.presence}`)}</small></span>
      </span>
      <button type="button" class="plain" data-testid={`audio-${user.id}`} aria-label={t("calls.ring.audio", { name })} title={t("calls.ring.audio", { name })} onClick={() => ring("audio")}>{icons.call}</button>
      <button type="button" class="plain strong" data-testid={`video-${user.id}`} aria-label={t("calls.ring.video", { name })} title={t("calls.ring.video", { name })} onClick={() => ring("video")}>{icons.camera}</button>
    </li>
  );
}
