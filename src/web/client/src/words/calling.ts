// The words of calls. Written from src/web/wire/calling.rs by `ALCOVE_BLESS=1 cargo test`; not by hand.

import type { Refused } from "./wire";

/** The version of the words of calls. */
export const VERSION = 1;

/**
 * A numbered request. Each is answered once.
 */
export type Request = {
/**
 * Chosen by the page; comes back as `re`.
 */
id: number,
/**
 * What is asked.
 */
do: Ask, };

/**
 * What a page can ask.
 */
export type Ask = { "hello": Hello } | { "watch": {
/**
 * Their ids; everybody where absent.
 */
users?: Array<string>, } } | { "ring": {
/**
 * One or many.
 */
users: Array<string>,
/**
 * With pictures, or sound alone at first.
 */
media: Media,
/**
 * A meeting that I am in: they are rung into it.
 */
meeting?: string, } } | { "invite": {
/**
 * Which call.
 */
call: string,
/**
 * One or many.
 */
users: Array<string>, } } | { "accept": {
/**
 * Which call.
 */
call: string, } } | { "decline": {
/**
 * Which call.
 */
call: string, } } | { "hang_up": {
/**
 * Which call.
 */
call: string, } } | { "do_not_disturb": {
/**
 * Which of the two.
 */
on: boolean, } } | { "history": {
/**
 * Only those before this one.
 */
before?: number, } } | { "seen_missed": Record<symbol, never> } | { "push": PushSubscription } | { "unpush": {
/**
 * Where.
 */
endpoint: string, } };

/**
 * The first request of a socket.
 */
export type Hello = {
/**
 * The version of these words that the page speaks.
 */
version: number,
/**
 * A user's token.
 */
token: string,
/**
 * What stays the same when the same page comes back after a cut: 1 to 64 bytes, unguessed by others.
 */
device: string, };

/**
 * Where a browser takes notifications, as its `PushSubscription` says.
 */
export type PushSubscription = {
/**
 * An `https` address of the browser's push service, at most [`ENDPOINT_BYTES_MAX`].
 */
endpoint: string,
/**
 * The browser's public key (P-256, uncompressed), in base64 for addresses.
 */
p256dh: string,
/**
 * The browser's secret of 16 bytes, likewise.
 */
auth: string, };

/**
 * What a call carries.
 */
export type Media = "audio" | "video";

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
 * What.
 */
tell: Tell, };

/**
 * What came of a request.
 */
export type Answer = { "welcome": Welcome } | { "ringing": {
/**
 * The call's id.
 */
call: string, } } | { "history": {
/**
 * At most [`RECORDS_MAX`], the last ones first.
 */
records: Array<CallRecord>, } } | { "done": Record<symbol, never> };

/**
 * What a page starts from. What is told later replaces parts of it.
 */
export type Welcome = {
/**
 * The version that both ends speak from here on.
 */
version: number,
/**
 * Who I am.
 */
you: string,
/**
 * Which device of mine this is, in the legs of calls.
 */
device: string,
/**
 * The directory, me too.
 */
users: Array<UserEntry>,
/**
 * The calls in which I am rung, or take part.
 */
calls: Array<CallState>,
/**
 * How many calls I have missed since I last said [`Ask::SeenMissed`].
 */
missed: number,
/**
 * What to subscribe to notifications with (`applicationServerKey`).
 */
push_key: string, };

/**
 * What a page is told.
 */
export type Tell = { "user": {
/**
 * As it is now.
 */
user: UserEntry, } } | { "user_gone": {
/**
 * Whose.
 */
user: string, } } | { "call": {
/**
 * As it is now. With an `end` it is the last time.
 */
call: CallState, } } | { "enter": {
/**
 * Which call.
 */
call: string,
/**
 * The meeting's name.
 */
meeting: string,
/**
 * Lets me in.
 */
token: string,
/**
 * With pictures, or sound alone.
 */
media: Media, } } | { "record": {
/**
 * What has come of it.
 */
record: CallRecord, } } | { "missed": {
/**
 * How many.
 */
count: number, } };

/**
 * An entry of the directory.
 */
export type UserEntry = {
/**
 * Unique for ever.
 */
id: string,
/**
 * The name to show, 1 to 64 characters.
 */
name: string,
/**
 * What sort it is.
 */
kind: UserKind,
/**
 * How they can be reached.
 */
presence: Presence, };

/**
 * What sort of user it is.
 */
export type UserKind = "person" | "room" | "appliance";

/**
 * How somebody can be reached.
 */
export type Presence = "offline" | "online" | "busy" | "do_not_disturb";

/**
 * A call as those who have a part in it are told.
 */
export type CallState = {
/**
 * Unique while the appliance runs.
 */
id: string,
/**
 * Who has begun it.
 */
caller: string,
/**
 * With pictures, or sound alone.
 */
media: Media,
/**
 * Everybody who has, or had, a part in it; the caller first.
 */
legs: Array<CallLeg>,
/**
 * When it began, in milliseconds since 1970 by the appliance's clock.
 */
began_ms: number,
/**
 * When it was first answered, likewise.
 */
answered_ms?: number,
/**
 * What has come of it, once it is over.
 */
end?: CallEnd, };

/**
 * The part of one user in a call.
 */
export type CallLeg = {
/**
 * Whose.
 */
user: string,
/**
 * Who has rung them; absent for the caller.
 */
by?: string,
/**
 * How it stands.
 */
state: LegState,
/**
 * The device that called, accepted or declined.
 */
device?: string,
/**
 * When it stops ringing by itself, in milliseconds since 1970.
 */
until_ms?: number, };

/**
 * How somebody's part in a call stands.
 */
export type LegState = "calling" | "ringing" | "knocking" | "joining" | "in" | "left" | "moved" | "declined" | "no_answer" | "cancelled" | "busy" | "do_not_disturb" | "lost";

/**
 * What has come of a call.
 */
export type CallEnd = "finished" | "cancelled" | "declined" | "no_answer" | "busy" | "do_not_disturb" | "lost";

/**
 * A call that has ended.
 */
export type CallRecord = {
/**
 * Counts up over all calls of the appliance.
 */
number: number,
/**
 * Who has begun it.
 */
caller: RecordParty,
/**
 * With pictures, or sound alone.
 */
media: Media,
/**
 * The others, and how each took it.
 */
callees: Array<RecordParty>,
/**
 * When it began, in milliseconds since 1970 by the appliance's clock.
 */
began_ms: number,
/**
 * When it ended, likewise.
 */
ended_ms: number,
/**
 * For how long it was talked, in milliseconds; 0 when nobody answered.
 */
talked_ms: number,
/**
 * Why it ended.
 */
end: CallEnd, };

/**
 * Somebody in the record of a call.
 */
export type RecordParty = {
/**
 * Who; nobody of that id may be left in the directory.
 */
user: string,
/**
 * The name that they had then.
 */
name: string,
/**
 * How their part ended.
 */
state: LegState, };
