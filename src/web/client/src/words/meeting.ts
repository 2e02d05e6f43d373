/** What is known of the meeting: the snapshot of the welcome, and each delta applied to it. Pure. */
import type {
  ChatMessage, Draft, Event, Guest, LeaveReason, MeetingInfo, Participant, Poll, Rights, Role, Source, Tell, Track, TrackState, Welcome,
  Who,
} from "./wire";

/** The most chat messages that are kept; the appliance keeps no more either. */
const CHAT_KEPT_MAX = 1_000;

/** What everybody may do unless hosts say otherwise. */
export const USUAL_RIGHTS: Rights = { chat: "everybody", share: "speakers", unmute: "speakers", rename: "everybody", invite: "everybody" };

/** The meeting as one participant sees it. */
export interface Meeting {
  readonly info: MeetingInfo;
  /** My own id. */
  readonly you: string;
  /** Everybody, me too, in order of arrival. */
  readonly participants: readonly Participant[];
  /** Who is on the stage, where somebody speaks. */
  readonly active: string | null;
  /** Who is heard now, the loudest first. */
  readonly heard: readonly string[];
  /** How good the ways of others and mine are, by id; the best where nothing was told. */
  readonly grades: Readonly<Record<string, Grades>>;
  /** What was written and I may read, the oldest first. */
  readonly chat: readonly ChatMessage[];
  /** Who waits to be let in, the longest first; only hosts are told. */
  readonly guests: readonly Guest[];
  /** The polls that were opened, the first one first. */
  readonly polls: readonly Poll[];
  /** What I have voted, by poll; nothing where the poll is anonymous. */
  readonly votes: Readonly<Record<number, readonly number[]>>;
  /** The polls that are prepared; only hosts are told. */
  readonly drafts: readonly Draft[];
  /** What of mine does not reach meetings elsewhere, by the bridge to each. */
  readonly leftOut: Readonly<Record<string, readonly Source[]>>;
  /** Why it is over for me; null while it lasts. */
  readonly over: LeaveReason | null;
}

/** How good somebody's way to the appliance is, 5 (the best) to 0 (lost): from them, and to them. */
export interface Grades {
  readonly up: number;
  readonly down: number;
}

/** The worse of both. */
export function worse(grades: Grades | undefined): number {
  return grades ? Math.min(grades.up, grades.down) : 5;
}

/** The meeting as the welcome tells it. */
export function begin(welcome: Welcome): Meeting {
  const { meeting, you, participants } = welcome;
  const { polls } = meeting;
  return {
    info: meeting, you, participants, active: null, heard: [], grades: {}, chat: [], guests: [],
    polls, votes: {}, drafts: [], leftOut: {}, over: null,
  };
}

/** The meeting after a delta. */
export function apply(meeting: Meeting, event: Event): Meeting {
  if ("joined" in event) return joined(meeting, event.joined.participant);
  if ("left" in event) return left(meeting, event.left.participant, event.left.reason);
  if ("presence" in event) {
    const { participant, present } = event.presence;
    return change(meeting, participant, (one) => ({ ...one, present }));
  }
  if ("track" in event) {
    const { participant, source, state } = event.track;
    return change(meeting, participant, (one) => ({ ...one, tracks: withTrack(one.tracks, source, state) }));
  }
  if ("role" in event) {
    const { participant, role } = event.role;
    return change(meeting, participant, (one) => ({ ...one, role }));
  }
  if ("held" in event) {
    const { participant, source, held } = event.held;
    return change(meeting, participant, (one) => ({ ...one, held: [...without(one.held, source), ...(held ? [source] : [])] }));
  }
  if ("hand" in event) {
    const { participant, hand } = event.hand;
    return change(meeting, participant, ({ hand: _, ...one }) => (hand === undefined ? one : { ...one, hand }));
  }
  if ("renamed" in event) return change(meeting, event.renamed.participant, (one) => ({ ...one, name: event.renamed.name }));
  if ("rights" in event) return { ...meeting, info: { ...meeting.info, rights: event.rights.rights } };
  if ("locked" in event) return { ...meeting, info: { ...meeting.info, locked: event.locked.locked } };
  if ("lobby" in event) return { ...meeting, info: { ...meeting.info, lobby: event.lobby.on } };
  if ("attribute" in event) return noted(meeting, event.attribute);
  if ("rescheduled" in event) return { ...meeting, info: { ...meeting.info, schedule: event.rescheduled.schedule } };
  if ("poll" in event) {
    const { poll } = event.poll;
    return { ...meeting, polls: [...meeting.polls.filter((one) => one.poll !== poll.poll), poll].sort((a, b) => a.poll - b.poll) };
  }
  if ("voted" in event) {
    const { poll, ...result } = event.voted;
    return { ...meeting, polls: meeting.polls.map((one) => (one.poll === poll ? { ...one, ...result } : one)) };
  }
  if ("ended" in event) return { ...meeting, over: meeting.over ?? "ended" };
  return meeting;
}

/** The meeting after being told who speaks. */
export function hear(meeting: Meeting, speaking: Extract<Tell, { speaking: unknown }>["speaking"]): Meeting {
  return { ...meeting, active: speaking.active ?? null, heard: speaking.heard };
}

/** The meeting after being told how good somebody's way is. */
export function grade(meeting: Meeting, { participant, up, down }: Extract<Tell, { quality: unknown }>["quality"]): Meeting {
  return { ...meeting, grades: { ...meeting.grades, [participant]: { up, down } } };
}

/** The meeting after messages came; some of them may have been there already. */
export function write(meeting: Meeting, messages: readonly ChatMessage[]): Meeting {
  const last = meeting.chat.at(-1)?.id ?? 0;
  const chat = [...meeting.chat, ...messages.filter((one) => one.id > last)].slice(-CHAT_KEPT_MAX);
  return { ...meeting, chat };
}

function noted(meeting: Meeting, { participant, key, value }: Extract<Event, { attribute: unknown }>["attribute"]): Meeting {
  const note = ({ [key]: _, ...rest }: Record<string, unknown>) => (value === undefined ? rest : { ...rest, [key]: value });
  if (participant !== undefined) return change(meeting, participant, (one) => ({ ...one, attributes: note(one.attributes) }));
  return { ...meeting, info: { ...meeting.info, attributes: note(meeting.info.attributes) } };
}

function without(sources: readonly Source[], source: Source): Source[] {
  return sources.filter((one) => one !== source);
}

function joined(meeting: Meeting, participant: Participant): Meeting {
  const others = meeting.participants.filter((one) => one.id !== participant.id);
  return { ...meeting, participants: [...others, participant] };
}

function left(meeting: Meeting, id: string, reason: LeaveReason): Meeting {
  return {
    ...meeting,
    participants: meeting.participants.filter((one) => one.id !== id),
    active: meeting.active === id ? null : meeting.active,
    heard: meeting.heard.filter((one) => one !== id),
    over: id === meeting.you ? reason : meeting.over,
  };
}

function change(meeting: Meeting, id: string, how: (one: Participant) => Participant): Meeting {
  return { ...meeting, participants: meeting.participants.map((one) => (one.id === id ? how(one) : one)) };
}

function withTrack(tracks: readonly Track[], source: Source, state: TrackState): Track[] {
  const rest = tracks.filter((track) => track.source !== source);
  return state === "off" ? rest : [...rest, { source, muted: state === "muted" }];
}

/** What a participant's track of a source is at the moment. */
export function trackState(participant: Participant | undefined, source: Source): TrackState {
  const track = participant?.tracks.find((one) => one.source === source);
  if (!track) return "off";
  return track.muted ? "muted" : "on";
}

/** Myself among the participants. */
export function me(meeting: Meeting): Participant | undefined {
  return meeting.participants.find((one) => one.id === meeting.you);
}

/** Whether it is only the way by which others are here: a bridge to the meeting of another appliance. */
export function isWay(meeting: Meeting, one: Participant): boolean {
  return meeting.participants.some((other) => other.via === one.id);
}

/** Everybody but me. */
export function others(meeting: Meeting): Participant[] {
  return meeting.participants.filter((one) => one.id !== meeting.you && !isWay(meeting, one));
}

/** Whether a role may publish tracks. */
export function maySend(role: Role | undefined): boolean {
  return role !== undefined && role !== "audience";
}

/** Whether a role may mute, remove and admit others. */
export function mayModerate(role: Role | undefined): boolean {
  return role === "host" || role === "cohost";
}

/** Whether a right includes a role. */
export function includes(who: Who, role: Role | undefined): boolean {
  if (who === "hosts") return mayModerate(role);
  return who === "everybody" || maySend(role);
}

/** Whose hands are up, in the order in which they went up. */
export function hands(meeting: Meeting): Participant[] {
  const raised = meeting.participants.filter((one) => one.hand !== undefined);
  return raised.sort((a, b) => (a.hand ?? 0) - (b.hand ?? 0));
}

/** Who shares a screen; the first one, if several do. */
export function presenter(meeting: Meeting): Participant | undefined {
  return others(meeting).find((one) => trackState(one, "screen") === "on");
}

/** What of mine does not reach a meeting elsewhere, and what that is called; null where everything does. */
export function leftOut(meeting: Meeting): { readonly what: "sound" | "picture" | "both"; readonly name: string } | null {
  for (const [via, sources] of Object.entries(meeting.leftOut)) {
    const bridge = meeting.participants.find((one) => one.id === via);
    if (!bridge || sources.length === 0) continue;
    const has = (...some: Source[]) => sources.some((source) => some.includes(source));
    const [sound, picture] = [has("microphone", "screen_audio"), has("camera", "screen")];
    return { what: sound && picture ? "both" : sound ? "sound" : "picture", name: bridge.name };
  }
  return null;
}
