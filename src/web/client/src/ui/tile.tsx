/** One picture of the meeting: a participant's camera or screen, with the name, or who it would be. */
import { useContext, useLayoutEffect, useRef } from "preact/hooks";
import { useCell } from "../cell";
import { trackState, worse } from "../words/meeting";
import { Parts } from "./parts";
import { hue, initials, type Showing } from "./layout";
import { Grade, icons } from "./icons";
import { t } from "./texts";

/** From which grade on a tile shows it: before that nobody needs to know. */
const WORTH_SHOWING = 3;

/** How large a tile of the grid is; everywhere else the page's styles say so. */
export type TileSize = { readonly width: string; readonly height: string };

/** The round stand-in for a picture. */
export function Avatar({ name, room = false }: { name: string; room?: boolean }) {
  return <span class={`avatar hue-${hue(name)}`}>{room ? icons.room : initials(name)}</span>;
}

/** A picture from the meeting. `rank` is how much it is wanted, 0 the most. */
export function Tile(props: {
  showing: Showing;
  rank: number;
  speaking: boolean;
  pinned: boolean;
  style?: TileSize;
  onPin(): void;
}) {
  const { participant, source } = props.showing;
  const { attendance, sight } = useContext(Parts);
  useCell(attendance.path.slots.now);
  const slot = attendance.path.slots.find(participant.id, source);
  const box = useRef<HTMLElement>(null);
  const picture = useRef<HTMLDivElement>(null);
  const published = trackState(participant, source);
  const shown = slot !== undefined && published === "on";

  useLayoutEffect(() => {
    const element = slot?.element;
    if (!element || !picture.current || !shown) return undefined;
    const holder = picture.current;
    holder.append(element);
    // Moving an element may pause it.
    element.play().catch(() => undefined);
    return () => {
      if (element.parentElement === holder) attendance.path.pool.append(element);
    };
  }, [slot?.element, shown]);

  useLayoutEffect(() => {
    if (!box.current || published === "off") return undefined;
    return sight.add(box.current, participant.id, source, props.rank);
  }, [participant.id, source, props.rank, published === "off"]);

  const name = source === "screen" ? t("meeting.screen.of", { name: participant.name }) : participant.name;
  const silent = source === "camera" && trackState(participant, "microphone") !== "on";
  const { meeting } = useCell(attendance.view);
  const grade = worse(meeting?.grades[participant.id]);
  return (
    <article
      ref={box}
      class={classes("tile", source, participant.kind, props.speaking && "speaking", !participant.present && "absent", shown && "live")}
      style={props.style ?? {}}
      aria-label={[name, silent ? t("tile.muted") : "", props.speaking ? t("tile.speaking") : ""].filter(Boolean).join(", ")}
      data-testid={`tile-${source}-${participant.id}`}
      data-participant={participant.id}
      onDblClick={props.onPin}
    >
      {!shown && <Avatar name={participant.name} room={participant.kind === "room"} />}
      <div ref={picture} class="picture" />
      <Plate name={name} silent={silent} away={!participant.present} grade={grade} />
      <button
        type="button"
        class={classes("pin", props.pinned && "on")}
        aria-pressed={props.pinned}
        aria-label={t(props.pinned ? "tile.unpin" : "tile.pin", { name })}
        title={t(props.pinned ? "tile.unpin" : "tile.pin", { name })}
        onClick={props.onPin}
      >
        {icons.pin}
      </button>
    </article>
  );
}

/** My own picture, mirrored, or the screen that I share. */
export function OwnTile({ source, style }: { source: "camera" | "screen"; style?: TileSize }) {
  const { attendance } = useContext(Parts);
  const { meeting, screen, microphoneOn, cameraOn } = useCell(attendance.view);
  const { camera, microphone } = useCell(attendance.devices.view);
  const track = source === "screen" ? screen : cameraOn ? camera : null;
  const self = meeting?.participants.find((one) => one.id === meeting.you);
  const name = self?.name ?? "";
  const label = source === "screen" ? t("meeting.screen.mine") : t("meeting.you", { name });
  const silent = source === "camera" && (!microphoneOn || !microphone);
  const grade = worse(self && meeting?.grades[self.id]);
  const speaking = source === "camera" && !silent && meeting !== null && meeting.heard.includes(meeting.you);
  return (
    <article
      class={classes("tile", "own", source, speaking && "speaking", track && "live")}
      style={style ?? {}}
      aria-label={label}
      data-testid={`own-${source}`}
    >
      {!track && <Avatar name={name} />}
      <div class="picture">{track && <Picture track={track} />}</div>
      <Plate name={source === "screen" ? label : t("meeting.me")} silent={silent} away={false} grade={grade} />
    </article>
  );
}

/** A track of this very browser. */
export function Picture({ track }: { track: MediaStreamTrack }) {
  const element = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    const video = element.current;
    if (!video) return undefined;
    video.srcObject = new MediaStream([track]);
    video.play().catch(() => undefined);
    return () => {
      video.srcObject = null;
    };
  }, [track]);
  return <video ref={element} autoplay muted playsInline />;
}

function Plate({ name, silent, away, grade }: { name: string; silent: boolean; away: boolean; grade: number }) {
  return (
    <div class="plate" aria-hidden="true">
      {silent && icons.microphoneOff}
      <span>{name}</span>
      {grade <= WORTH_SHOWING && <Grade grade={grade} />}
      {away && <em>{t("meeting.away.other")}</em>}
    </div>
  );
}

/** The names among the given that hold. */
export function classes(...names: readonly (string | false | null | undefined)[]): string {
  return names.filter(Boolean).join(" ");
}
