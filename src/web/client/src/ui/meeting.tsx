/** The meeting: stage and strip or grid, controls below, participants beside. */
import { useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Attendance } from "../attendance";
import { useCell } from "../cell";
import { leftOut, mayModerate, me, maySend, type Meeting } from "../words/meeting";
import type { Audience } from "../words/wire";
import { useAwake } from "./awake";
import { InviteDialog } from "./calls/invite";
import { CallHere } from "./calls/here";
import { CopyLink } from "./copy";
import { Connection } from "./connection";
import { Chat } from "./chat";
import { Controls } from "./controls";
import { Knock } from "./guests";
import { Header } from "./header";
import { bestGrid, isSame, onStage, showings, type Pin, type Showing } from "./layout";
import { Notices } from "./notices";
import { Parts } from "./parts";
import { People } from "./people";
import { EndsSoon, useEndsIn } from "./planned";
import { Polls, toVote, VoteWanted } from "./polls";
import { Rising } from "./reactions";
import { Asked } from "./request";
import { Settings } from "./settings";
import { Sight } from "./sight";
import { icons } from "./icons";
import { t } from "./texts";
import { classes, OwnTile, Tile, type TileSize } from "./tile";
import { useKeys } from "./keys";

/** The space between tiles of the grid, in CSS pixels; the same as `--gap`. */
const GAP_PX = 10;

export type Layout = "stage" | "grid";

/** Everybody, the chat, or how the connection is, of somebody or as a whole. */
export type Side = "people" | "polls" | { readonly chat: Audience } | { readonly connection: string | null } | null;

/** What is open or chosen on the page, beside the meeting itself. */
export interface Arrangement {
  readonly layout: Layout;
  /** What stands beside the pictures. */
  readonly side: Side;
  readonly settings: boolean;
  /** Somebody is to be rung into this call. */
  readonly inviting: boolean;
  readonly pin: Pin;
}

export function MeetingPage({ attendance }: { attendance: Attendance }) {
  const view = useCell(attendance.view);
  const [arrangement, setArrangement] = useState<Arrangement>({ layout: "stage", side: null, settings: false, inviting: false, pin: null });
  const change = (fields: Partial<Arrangement>) => setArrangement((now) => ({ ...now, ...fields }));
  const sight = useMemo(() => new Sight((wishes) => attendance.watch(wishes)), [attendance]);
  useEffect(() => () => sight.close(), [sight]);
  useKeys(attendance, arrangement, change);
  useAwake();
  const { meeting } = view;
  if (!meeting) return null;
  return (
    <Parts.Provider value={{ attendance, sight }}>
      <div class="meeting" data-testid="meeting">
        <Header attendance={attendance} meeting={meeting} arrangement={arrangement} change={change} />
        <Banner attendance={attendance} meeting={meeting} arrangement={arrangement} change={change} />
        <main class={classes("floor", arrangement.side && "with-people")} aria-label={t("meeting.label", { name: meeting.info.name })}>
          <Pictures meeting={meeting} screen={view.screen} arrangement={arrangement} change={change} />
          <Beside meeting={meeting} side={arrangement.side} change={change} />
        </main>
        <Controls attendance={attendance} arrangement={arrangement} change={change} />
        <Rising attendance={attendance} meeting={meeting} />
        <Notices attendance={attendance} meeting={meeting} />
        {view.request && <Asked attendance={attendance} meeting={meeting} request={view.request} />}
        {arrangement.inviting && <InviteDialog onClose={() => change({ inviting: false })} />}
        {arrangement.settings && <Settings devices={attendance.devices} onClose={() => change({ settings: false })} />}
      </div>
    </Parts.Provider>
  );
}

function Beside({ meeting, side, change }: { meeting: Meeting; side: Side; change(fields: Partial<Arrangement>): void }) {
  const close = () => change({ side: null });
  if (side === null) return null;
  if (side === "people") {
    return (
      <People
        meeting={meeting}
        onConnection={(of) => change({ side: { connection: of } })}
        onWrite={(to) => change({ side: { chat: to } })}
        onInvite={() => change({ inviting: true })}
        onClose={close}
      />
    );
  }
  if (side === "polls") return <Polls meeting={meeting} onClose={close} />;
  if ("chat" in side) return <Chat meeting={meeting} to={side.chat} onClose={close} />;
  return <Connection meeting={meeting} of={side.connection} onClose={close} />;
}

interface BannerProps {
  attendance: Attendance;
  meeting: Meeting;
  arrangement: Arrangement;
  change(fields: Partial<Arrangement>): void;
}

function Banner({ attendance, meeting, arrangement, change }: BannerProps) {
  const { away } = useCell(attendance.view);
  const soundBlocked = useCell(attendance.path.soundBlocked);
  const minutes = useEndsIn(meeting.info.schedule);
  if (away) {
    return <p class="banner" role="alert" data-testid="away"><span class="spinner" />{t("meeting.away")}</p>;
  }
  if (soundBlocked) {
    return (
      <p class="banner" role="alert">
        {t("meeting.sound")}
        <button type="button" class="link" data-testid="sound" onClick={() => attendance.path.play()}>{t("meeting.sound.button")}</button>
      </p>
    );
  }
  if (mayModerate(me(meeting)?.role) && arrangement.side !== "people" && meeting.guests.length > 0) {
    return <Knock meeting={meeting} onSee={() => change({ side: "people" })} />;
  }
  if (minutes !== null) return <EndsSoon meeting={meeting} minutes={minutes} />;
  if (arrangement.side !== "polls" && toVote(meeting)) return <VoteWanted meeting={meeting} onSee={() => change({ side: "polls" })} />;
  const left = leftOut(meeting);
  if (left) return <p class="banner calm" role="status" data-testid="left-out">{t(`meeting.left.out.${left.what}`, { name: left.name })}</p>;
  if (!maySend(me(meeting)?.role)) return <p class="banner calm" role="status">{t("meeting.listen")}</p>;
  return null;
}

interface PicturesProps {
  meeting: Meeting;
  /** The screen that I share. */
  screen: MediaStreamTrack | null;
  arrangement: Arrangement;
  change(fields: Partial<Arrangement>): void;
}

function Pictures({ meeting, screen, arrangement, change }: PicturesProps) {
  const before = useRef<string | null>(null);
  const stage = onStage(meeting, arrangement.pin, before.current);
  if (stage?.source === "camera") before.current = stage.participant.id;
  const all = showings(meeting);
  const togglePin = (showing: Showing) => {
    const isPinned = arrangement.pin?.participant === showing.participant.id && arrangement.pin.source === showing.source;
    change({ pin: isPinned ? null : { participant: showing.participant.id, source: showing.source }, layout: "stage" });
  };
  const tile = (showing: Showing, rank: number, style?: TileSize) => (
    <Tile
      key={`${showing.source}-${showing.participant.id}`}
      showing={showing}
      rank={rank}
      speaking={showing.source === "camera" && meeting.heard.includes(showing.participant.id)}
      pinned={arrangement.pin?.participant === showing.participant.id && arrangement.pin.source === showing.source}
      onPin={() => togglePin(showing)}
      {...(style ? { style } : {})}
    />
  );
  const isDuo = all.length <= 1 && !screen;
  if (arrangement.layout === "grid" && stage) return <GridOf all={all} tile={tile} />;
  return (
    <div class={classes("pictures", "staged", isDuo && "duo")} data-testid="layout-stage">
      <div class="stage">{stage ? tile(stage, 0) : <Alone />}</div>
      <div class="strip">
        {screen && <OwnTile source="screen" />}
        <OwnTile source="camera" />
        {all.filter((one) => !isSame(one, stage)).map((one, at) => tile(one, at + 1))}
      </div>
    </div>
  );
}

function GridOf({ all, tile }: { all: Showing[]; tile(showing: Showing, rank: number, style: TileSize): preact.JSX.Element }) {
  const box = useRef<HTMLDivElement>(null);
  const [space, setSpace] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    if (!box.current) return undefined;
    const element = box.current;
    const measure = () => setSpace({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  const { width, height } = bestGrid(all.length + 1, space.width, space.height, GAP_PX);
  const style = { width: `${width}px`, height: `${height}px` };
  return (
    <div ref={box} class="pictures grid" data-testid="layout-grid">
      <OwnTile source="camera" style={style} />
      {all.map((one, at) => tile(one, at, style))}
    </div>
  );
}

/** Nobody else is here: the most useful thing is the link; in a call the others are on their way. */
function Alone() {
  const calls = useContext(CallHere);
  if (calls) {
    return <div class="alone"><span class="avatar hue-0">{icons.people}</span><p role="status">{t("calls.coming")}</p></div>;
  }
  return (
    <div class="alone">
      <span class="avatar hue-0">{icons.people}</span>
      <h2>{t("meeting.alone")}</h2>
      <p>{t("meeting.alone.hint")}</p>
      <CopyLink />
    </div>
  );
}
