// The words of the WebSocket. Written from src/web/wire.rs by `ALCOVE_BLESS=1 cargo test`; not by hand.

/** The version of the protocol. */
export const VERSION = 1;
/** The most wishes in one `watch`. */
export const WISHES_MAX = 64;
/** The longest display name, in characters. */
export const NAME_CHARS_MAX = 64;
/** The longest `custom_info`, in bytes of JSON. */
export const CUSTOM_INFO_BYTES_MAX = 4096;

/** The stable codes of refusals; a later appliance may know more. */
export type Code =
  | "meeting-exists"
  | "meeting-not-found"
  | "meeting-full"
  | "meeting-locked"
  | "wrong-password"
  | "meeting-loop"
  | "not-permitted"
  | "waiting-for-host"
  | "invalid-parameter"
  | "unsupported-mode"
  | "track-id-taken"
  | "client-too-old"
  | "server-too-old"
  | "too-many-requests"
  | "busy"
  | "no-answer"
  | "declined"
  | "peer-lost"
  | "user-not-found"
  | "stale"
  | "internal";

/**
 * A numbered request. Each is answered once, by [`Frame::Answered`] or [`Frame::Refused`].
 */
export type Request = {
/**
 * Chosen by the client; comes back as `re`.
 */
id: number,
/**
 * What is asked.
 */
do: Ask, };

/**
 * What a client can ask.
 */
export type Ask = { "hello": Hello } | { "offer": {
/**
 * The SDP.
 */
sdp: string, } } | { "candidate": {
/**
 * The value of `a=candidate`, at most [`CANDIDATE_BYTES_MAX`].
 */
candidate: string, } } | { "watch": {
/**
 * At most [`WISHES_MAX`].
 */
wishes: Array<Wish>, } } | { "track": {
/**
 * Which of my tracks.
 */
source: Source,
/**
 * What it is from now on.
 */
state: TrackState, } } | { "behind": Behind } | { "carry": {
/**
 * At most [`CARRIED_MAX`].
 */
lines: Array<CarriedLine>,
/**
 * What it does not send, for want of lines; at most [`LEFT_OUT_MAX`].
 */
left_out?: Array<LeftOut>, } } | { "clock": Record<symbol, never> } | { "delays": Record<symbol, never> } | { "leave": Record<symbol, never> } | { "step_out": Record<symbol, never> } | { "end": Record<symbol, never> } | { "hand": {
/**
 * Whose; mine where absent.
 */
participant?: string,
/**
 * Which of the two.
 */
up: boolean, } } | { "react": {
/**
 * One emoji.
 */
emoji: string, } } | { "chat": {
/**
 * For whom.
 */
to: Audience,
/**
 * 1 to [`CHAT_CHARS_MAX`] characters.
 */
text: string, } } | { "rename": {
/**
 * Who.
 */
participant: string,
/**
 * 1 to 64 characters.
 */
name: string, } } | { "mute": {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source,
/**
 * It cannot be switched on again until it is released.
 */
hold: boolean, } } | { "mute_all": {
/**
 * Whether they may be switched on again.
 */
may_unmute: boolean, } } | { "release": {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source, } } | { "ask_to_send": {
/**
 * Who.
 */
participant: string,
/**
 * What.
 */
source: Source, } } | { "role": {
/**
 * Who.
 */
participant: string,
/**
 * What it may do.
 */
role: Role, } } | { "remove": {
/**
 * Who.
 */
participant: string,
/**
 * For good.
 */
ban: boolean, } } | { "lock": {
/**
 * Which of the two.
 */
locked: boolean, } } | { "lobby": {
/**
 * Which of the two.
 */
on: boolean, } } | { "admit": {
/**
 * One of them; all for whom there is room where absent.
 */
participant?: string, } } | { "deny": {
/**
 * Who waits.
 */
participant: string, } } | { "send_back": {
/**
 * Whom.
 */
participant: string, } } | { "rights": {
/**
 * From now on.
 */
rights: Rights, } } | { "levels": {
/**
 * How often: 100 to 60,000 milliseconds; 0: no longer.
 */
every_ms: number, } } | { "invitation": Record<symbol, never> } | { "message": {
/**
 * For whom.
 */
to: Audience,
/**
 * Chosen by you; whoever acknowledges the message tells it.
 */
number: number,
/**
 * Whose feature it is: 1 to 64 bytes.
 */
topic: string,
/**
 * Up to [`MESSAGE_BYTES_MAX`] of JSON.
 */
data: unknown, } } | { "acknowledge": {
/**
 * Who sent it.
 */
from: string,
/**
 * Which of theirs.
 */
number: number, } } | { "attribute": {
/**
 * About whom; me where absent.
 */
participant?: string,
/**
 * 1 to 64 characters of `a-z A-Z 0-9 - _ . :`.
 */
key: string,
/**
 * Up to 1 kB of JSON; nothing, or `null`, takes it away.
 */
value?: unknown, } } | { "meeting_attribute": {
/**
 * As of [`Ask::Attribute`].
 */
key: string,
/**
 * As of [`Ask::Attribute`].
 */
value?: unknown, } } | { "reschedule": {
/**
 * When it is; what is absent is not planned.
 */
schedule: Schedule, } } | { "draft_poll": {
/**
 * Which draft; a new one where absent.
 */
poll?: number,
/**
 * What it asks.
 */
question: Question, } } | { "discard_poll": {
/**
 * Which.
 */
poll: number, } } | { "open_poll": {
/**
 * Which.
 */
poll: number, } } | { "close_poll": {
/**
 * Which.
 */
poll: number, } } | { "vote": {
/**
 * In which poll.
 */
poll: number,
/**
 * For which of its options, from 0 on.
 */
choices: Array<number>, } };

/**
 * When a meeting is, in milliseconds since 1970. What is absent is not planned.
 */
export type Schedule = {
/**
 * Before it nobody comes in but hosts.
 */
not_before_ms?: number,
/**
 * When it is meant to begin.
 */
starts_at_ms?: number,
/**
 * When it ends for all.
 */
ends_at_ms?: number, };

/**
 * The first request of a socket.
 */
export type Hello = {
/**
 * The version of the protocol that the client speaks.
 */
version: number,
/**
 * A join token, or the admin token.
 */
token: string,
/**
 * The name to show, 1 to 64 characters.
 */
name: string,
/**
 * The meeting's password, where it has one.
 */
password?: string,
/**
 * Anything of the client's that every other participant is shown, up to 4 kB.
 */
custom_info?: unknown,
/**
 * What stays the same whenever this person, or this browser, joins: whoever is banned is known by it.
 */
identity?: string,
/**
 * Signs a user of the directory in: I am that one, and busy as long as I am here.
 */
user?: string,
/**
 * Back after a cut: be the same participant again.
 */
resume?: Resume,
/**
 * I am a bridge to a meeting of another appliance; only appliances of the directory are.
 */
bridge?: BridgeHello, };

/**
 * What a bridge says of itself.
 */
export type BridgeHello = {
/**
 * The boxes that are reached through it.
 */
boxes: Array<string>, };

/**
 * What makes a socket the continuation of a cut one.
 */
export type Resume = {
/**
 * The secret of the welcome.
 */
secret: string,
/**
 * The number of the last delta that was seen.
 */
seq: number,
/**
 * The number of the last chat message that was seen.
 */
chat: number, };

/**
 * Whether a meeting has pictures.
 */
export type Mode = "video" | "audio";

/**
 * The meeting as a joiner is told.
 */
export type MeetingInfo = {
/**
 * Its unique name.
 */
name: string,
/**
 * Whether it has pictures.
 */
mode: Mode,
/**
 * What its creator gave to every joiner.
 */
custom_info?: unknown,
/**
 * The most participants, the room among them.
 */
max_participants: number,
/**
 * Who may do what.
 */
rights: Rights,
/**
 * Nobody comes in but hosts.
 */
locked: boolean,
/**
 * Newcomers wait until a host lets them in.
 */
lobby: boolean,
/**
 * When it is.
 */
schedule: Schedule,
/**
 * What is noted about it.
 */
attributes: Record<string, unknown>,
/**
 * The polls that were opened, the first one first.
 */
polls: Array<Poll>, };

/**
 * Everything that the appliance sends.
 */
export type Frame = {
/**
 * The request's `id`.
 */
re: number,
/**
 * What came of it.
 */
ok: Answer, } | {
/**
 * The request's `id`; absent when the frame could not be read.
 */
re?: number,
/**
 * Why.
 */
refused: Refused, } | {
/**
 * Its number.
 */
seq: number,
/**
 * The change.
 */
event: Event, } | {
/**
 * What is told.
 */
tell: Tell, };

/**
 * Why something was refused.
 */
export type Refused = {
/**
 * The stable code, see the table in `PROTOCOL.md`.
 */
code: string,
/**
 * A sentence for people.
 */
detail: string, };

/**
 * What came of a request.
 */
export type Answer = { "welcome": Welcome } | { "resumed": {
/**
 * The number of the last delta so far.
 */
seq: number,
/**
 * The codec to send.
 */
video_codec: VideoCodec, } } | { "answer": {
/**
 * The SDP.
 */
sdp: string, } } | { "invitation": {
/**
 * Lets whoever opens it join as a speaker, for some hours.
 */
url: string, } } | { "clock": {
/**
 * Milliseconds since the Unix epoch, by the clock that capture times are told by.
 */
at_ms: number, } } | { "delays": {
/**
 * Of the video tracks of which something is known.
 */
tracks: Array<TrackDelay>, } } | { "done": Record<symbol, never> };

/**
 * The snapshot that a joiner starts from.
 */
export type Welcome = {
/**
 * The version that both ends speak from here on.
 */
version: number,
/**
 * The joiner's own id.
 */
you: string,
/**
 * What makes a later socket the continuation of this one.
 */
secret: string,
/**
 * The meeting.
 */
meeting: MeetingInfo,
/**
 * Everybody, the joiner too.
 */
participants: Array<Participant>,
/**
 * The number of the last delta that the snapshot contains.
 */
seq: number,
/**
 * Where a host finds who was there and how the polls went, also when it is over.
 */
record?: RecordKey,
/**
 * The codec to send.
 */
video_codec: VideoCodec,
/**
 * A STUN server, `stun:host:port`, where the appliance has a relay: learn your address from it, and tell
 * [`Ask::Candidate`].
 */
stun?: string, };

/**
 * What opens the record of one meeting.
 */
export type RecordKey = {
/**
 * Its number: `/api/v1/records/{id}`, and below it `attendance.csv` and `polls.csv`.
 */
id: number,
/**
 * The bearer token for it.
 */
token: string, };

/**
 * A change of the meeting.
 */
export type Event = { "joined": {
/**
 * Who.
 */
participant: Participant, } } | { "left": {
/**
 * Who.
 */
participant: string,
/**
 * Why.
 */
reason: LeaveReason, } } | { "presence": {
/**
 * Who.
 */
participant: string,
/**
 * Whether it is back.
 */
present: boolean, } } | { "track": {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source,
/**
 * What it is from now on.
 */
state: TrackState, } } | { "role": {
/**
 * Whose.
 */
participant: string,
/**
 * From now on.
 */
role: Role, } } | { "held": {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source,
/**
 * Which of the two.
 */
held: boolean, } } | { "hand": {
/**
 * Whose.
 */
participant: string,
/**
 * Its number, if it is up.
 */
hand?: number, } } | { "renamed": {
/**
 * Who.
 */
participant: string,
/**
 * From now on.
 */
name: string, } } | { "rights": {
/**
 * From now on.
 */
rights: Rights, } } | { "locked": {
/**
 * Which of the two.
 */
locked: boolean, } } | { "sent_back": {
/**
 * Who.
 */
participant: string, } } | { "lobby": {
/**
 * Which of the two.
 */
on: boolean, } } | { "attribute": {
/**
 * About whom; about the meeting where absent.
 */
participant?: string,
/**
 * Its name.
 */
key: string,
/**
 * From now on, if it is noted.
 */
value?: unknown, } } | { "rescheduled": {
/**
 * From now on.
 */
schedule: Schedule, } } | { "poll": {
/**
 * As it is now.
 */
poll: Poll, } } | { "voted": {
/**
 * In which poll.
 */
poll: number,
/**
 * How many people have.
 */
voters: number,
/**
 * How many votes each option has; absent while the result is hidden.
 */
counts?: Array<number>, } } | { "ended": Record<symbol, never> };

/**
 * What one client alone is told.
 */
export type Tell = { "slot": {
/**
 * The `a=mid` of the slot's m-line.
 */
mid: string,
/**
 * Whose track; absent when the slot is empty from now on.
 */
track?: SlotTrack,
/**
 * The RTP timestamp of the first packet of it; compare modulo 2^32.
 */
rtp_timestamp: number, } } | { "bridge": {
/**
 * The boxes that are reached here without this bridge.
 */
boxes: Array<string>,
/**
 * The video codecs that everybody here decodes.
 */
decodes: Array<VideoCodec>, } } | { "left_out": {
/**
 * The bridge.
 */
via: string,
/**
 * None: everything is sent.
 */
sources: Array<Source>, } } | { "speaking": {
/**
 * The active speaker, for the stage.
 */
active?: string,
/**
 * Everybody who is heard now, the loudest first.
 */
heard: Array<string>, } } | { "levels": {
/**
 * The first in rank first, as the appliance chooses who is heard.
 */
levels: Array<Level>, } } | { "video_codec": {
/**
 * The codec.
 */
codec: VideoCodec, } } | { "restart_ice": Record<symbol, never> } | { "layers": {
/**
 * The camera or the screen.
 */
source: Source,
/**
 * From the smallest on; 0 while nobody watches.
 */
watched: number,
/**
 * To a bridge: of whom, as the bridge calls them.
 */
participant?: string, } } | { "quality": {
/**
 * Whose.
 */
participant: string,
/**
 * From the participant to the appliance.
 */
up: number,
/**
 * From the appliance to the participant.
 */
down: number, } } | { "asked_to_send": {
/**
 * Who asks; absent when it is the administrator.
 */
by?: string,
/**
 * What.
 */
source: Source, } } | { "waiting": {
/**
 * What for.
 */
until: WaitsFor,
/**
 * When the meeting is.
 */
schedule: Schedule, } } | { "guests": {
/**
 * At most 100.
 */
guests: Array<Guest>, } } | { "reaction": {
/**
 * Who.
 */
participant: string,
/**
 * One emoji.
 */
emoji: string, } } | { "message": {
/**
 * Who.
 */
from: string,
/**
 * For the acknowledgement.
 */
number: number,
/**
 * Whose feature it is for.
 */
topic: string,
/**
 * What.
 */
data: unknown, } } | { "acknowledged": {
/**
 * Where.
 */
by: string,
/**
 * Which of yours.
 */
number: number, } } | { "drafts": {
/**
 * The first one first.
 */
polls: Array<Draft>, } } | { "vote": {
/**
 * In which poll.
 */
poll: number,
/**
 * For what; empty where the poll is anonymous.
 */
choices: Array<number>, } } | { "chat": {
/**
 * At least one.
 */
messages: Array<ChatMessage>, } };

/**
 * For whom a message is.
 */
export type Audience = "all" | "hosts" | { "one": string };

/**
 * Who may do something.
 */
export type Who = "hosts" | "speakers" | "everybody";

/**
 * Who may do what. The audience never sends, whatever is said here.
 */
export type Rights = {
/**
 * Write to all and to one person, and react.
 */
chat: Who,
/**
 * Share a screen.
 */
share: Who,
/**
 * Switch the own microphone on.
 */
unmute: Who,
/**
 * Change the own name.
 */
rename: Who,
/**
 * Be told the link that lets others in; everybody where absent.
 */
invite: Who, };

/**
 * What a participant may do.
 */
export type Role = "host" | "cohost" | "speaker" | "audience";

/**
 * What sort of participant it is.
 */
export type ParticipantKind = "browser" | "room" | "bridge";

/**
 * Why a participant is no longer there.
 */
export type LeaveReason = "left" | "timeout" | "kicked" | "banned" | "ended" | "replaced" | "transport-failed" | "version";

/**
 * A participant as the others are told.
 */
export type Participant = {
/**
 * Unique in the meeting's life.
 */
id: string,
/**
 * The name to show.
 */
name: string,
/**
 * What sort it is.
 */
kind: ParticipantKind,
/**
 * What it may do.
 */
role: Role,
/**
 * What it brought along.
 */
custom_info?: unknown,
/**
 * The tracks that it publishes.
 */
tracks: Array<Track>,
/**
 * The sources that a host holds off.
 */
held: Array<Source>,
/**
 * The number of its raised hand: the smallest was raised first.
 */
hand?: number,
/**
 * What is noted about it.
 */
attributes: Record<string, unknown>,
/**
 * False while its socket is cut and it may yet come back.
 */
present: boolean,
/**
 * The bridge that it is here through: it is in a meeting elsewhere.
 */
via?: string, };

/**
 * What somebody outside waits for.
 */
export type WaitsFor = "admission" | "host" | "opening";

/**
 * Somebody who waits outside.
 */
export type Guest = {
/**
 * The id that they will have inside.
 */
id: string,
/**
 * The name to show.
 */
name: string, };

/**
 * A chat message.
 */
export type ChatMessage = {
/**
 * Counts up; nobody sees every number.
 */
id: number,
/**
 * Who wrote it.
 */
from: string,
/**
 * The name that they had then.
 */
name: string,
/**
 * For whom.
 */
to: Audience,
/**
 * What.
 */
text: string,
/**
 * When, in milliseconds since 1970 by the appliance's clock.
 */
at_ms: number, };

/**
 * One wish: a track to be seen, and how large.
 */
export type Wish = {
/**
 * Whose.
 */
participant: string,
/**
 * `camera` or `screen`.
 */
source: Source,
/**
 * The largest useful height in pixels.
 */
max_height: number, };

/**
 * A source of a track.
 */
export type Source = "microphone" | "camera" | "screen" | "screen_audio";

/**
 * What a track is at the moment.
 */
export type TrackState = "on" | "muted" | "off";

/**
 * The codec that publishers shall send.
 */
export type VideoCodec = "h264" | "vp8" | "vp9" | "av1";

/**
 * A published track.
 */
export type Track = {
/**
 * Its source.
 */
source: Source,
/**
 * Published, and silent or dark.
 */
muted: boolean, };

/**
 * How old the pictures of a track are when they arrive at the appliance, in milliseconds: means of the last seconds.
 */
export type TrackDelay = {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source,
/**
 * Which of its layers, 0 the smallest.
 */
layer: number,
/**
 * The height of the layer in pixels.
 */
height: number,
/**
 * From the capture to here; absent where the publisher does not stamp its pictures, or its clock is not known yet.
 */
until_here_ms?: number,
/**
 * Of it until the encoding began; absent where the publisher does not tell.
 */
capture_ms?: number,
/**
 * Of it the encoding; absent where the publisher does not tell.
 */
encode_ms?: number, };

/**
 * How loud somebody is.
 */
export type Level = {
/**
 * Who.
 */
participant: string,
/**
 * In dBov (RFC 6464): 0 is the loudest that there is, -127 silence.
 */
dbov: number, };

/**
 * The track in a slot.
 */
export type SlotTrack = {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source, };

/**
 * What a poll asks, and how.
 */
export type Question = {
/**
 * 1 to 300 characters.
 */
text: string,
/**
 * 2 to 20 different ones of 1 to 120 characters.
 */
options: Array<string>,
/**
 * One may vote for several.
 */
multiple: boolean,
/**
 * Nobody learns who voted for what; votes cannot be changed.
 */
anonymous: boolean,
/**
 * The result is seen only once the poll is closed.
 */
hidden: boolean, };

/**
 * Whether a poll takes votes.
 */
export type PollState = "open" | "closed";

/**
 * A poll that was opened.
 */
export type Poll = {
/**
 * Counts up in the meeting.
 */
poll: number,
/**
 * What it asks.
 */
question: Question,
/**
 * Where it stands.
 */
state: PollState,
/**
 * How many people have voted.
 */
voters: number,
/**
 * How many votes each option has; absent while the result is hidden.
 */
counts?: Array<number>, };

/**
 * A poll that is prepared.
 */
export type Draft = {
/**
 * The number that the poll will have.
 */
poll: number,
/**
 * What it will ask.
 */
question: Question, };

/**
 * Those for whom a bridge stands, and what is known of the other end.
 */
export type Behind = {
/**
 * At most [`BEHIND_MAX`].
 */
people: Array<BehindPerson>,
/**
 * The boxes that are reached through this bridge.
 */
boxes: Array<string>,
/**
 * The video codecs that everybody there decodes.
 */
decodes: Array<VideoCodec>, };

/**
 * Somebody for whom a bridge stands.
 */
export type BehindPerson = {
/**
 * What it is called at the other end.
 */
id: string,
/**
 * The name to show.
 */
name: string,
/**
 * What it publishes.
 */
tracks: Array<BehindTrack>, };

/**
 * A track that arrives at a bridge.
 */
export type BehindTrack = {
/**
 * Its source.
 */
source: Source,
/**
 * Published, and silent or dark.
 */
muted: boolean,
/**
 * The `a=mid` of the line on which it arrives; absent where there was none left.
 */
mid?: string, };

/**
 * A track that a bridge sends to the other end.
 */
export type CarriedLine = {
/**
 * The `a=mid` of the line.
 */
mid: string,
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source,
/**
 * How many of its layers the other end watches, from the smallest on.
 */
layers: number, };

/**
 * A track that is not sent to the other end, for there is no line left.
 */
export type LeftOut = {
/**
 * Whose.
 */
participant: string,
/**
 * Which.
 */
source: Source, };
