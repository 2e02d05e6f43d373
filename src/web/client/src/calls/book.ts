/** What a page knows of people and calls: values, and how what is told changes them. */
import type { CallLeg, CallRecord, CallState, LegState, Tell, UserEntry, Welcome } from "../words/calling";

/** The most records that are kept in the page. */
const RECORDS_MAX = 50;

/** Everything that was told. */
export interface Book {
  /** Who I am, and which of my devices this is. */
  readonly you: string;
  readonly device: string;
  readonly users: readonly UserEntry[];
  /** The calls that I have a part in. */
  readonly calls: readonly CallState[];
  readonly missed: number;
  /** The calls that have ended, the last ones first. */
  readonly records: readonly CallRecord[];
  readonly pushKey: string;
}

/** The book that a welcome opens; the records of before stay. */
export function open(welcome: Welcome, before: Book | null): Book {
  return {
    you: welcome.you,
    device: welcome.device,
    users: sorted(welcome.users),
    calls: welcome.calls,
    missed: welcome.missed,
    records: before?.records ?? [],
    pushKey: welcome.push_key,
  };
}

/** The book after something was told. */
export function hear(book: Book, tell: Tell): Book {
  if ("user" in tell) {
    const others = book.users.filter((user) => user.id !== tell.user.user.id);
    return { ...book, users: sorted([...others, tell.user.user]) };
  }
  if ("user_gone" in tell) return { ...book, users: book.users.filter((user) => user.id !== tell.user_gone.user) };
  if ("call" in tell) {
    const { call } = tell.call;
    const others = book.calls.filter((other) => other.id !== call.id);
    return { ...book, calls: call.end ? others : [...others, call] };
  }
  if ("record" in tell) return remember(book, [tell.record.record]);
  if ("missed" in tell) return { ...book, missed: tell.missed.count };
  return book;
}

/** The book with more records. */
export function remember(book: Book, records: readonly CallRecord[]): Book {
  const known = new Set(records.map((record) => record.number));
  const all = [...records, ...book.records.filter((record) => !known.has(record.number))];
  return { ...book, records: all.sort((one, other) => other.number - one.number).slice(0, RECORDS_MAX) };
}

/** My part in a call. */
export function mine(book: Book, call: CallState): CallLeg | undefined {
  return call.legs.find((leg) => leg.user === book.you);
}

/** The call that rings, or knocks, here. */
export function ringing(book: Book): CallState | undefined {
  return book.calls.find((call) => isRung(mine(book, call)?.state));
}

/** The call that I have begun here, and that nobody has answered yet. */
export function calling(book: Book): CallState | undefined {
  return book.calls.find((call) => {
    const leg = mine(book, call);
    return leg?.state === "calling" && leg.device === book.device;
  });
}

/** The call that I am in, on another device of mine. */
export function elsewhere(book: Book): CallState | undefined {
  return book.calls.find((call) => {
    const leg = mine(book, call);
    return leg !== undefined && isLive(leg.state) && leg.device !== book.device;
  });
}

export function isRung(state: LegState | undefined): boolean {
  return state === "ringing" || state === "knocking";
}

export function isLive(state: LegState): boolean {
  return state === "calling" || state === "joining" || state === "in";
}

/** Whether I have missed that call. */
export function isMissed(book: Book, record: CallRecord): boolean {
  const leg = record.callees.find((callee) => callee.user === book.you);
  return leg !== undefined && ["no_answer", "cancelled", "busy", "do_not_disturb"].includes(leg.state);
}

/** Of an id that nobody has any more nothing is left but the id. */
export function nameOf(book: Book, user: string): string {
  return book.users.find((one) => one.id === user)?.name ?? user;
}

/** Whom a call is with: everybody but me who has, or may yet have, a part in it. */
export function partners(book: Book, call: CallState): string[] {
  const present = call.legs.filter((leg) => leg.user !== book.you && (isLive(leg.state) || isRung(leg.state)));
  const all = present.length > 0 ? present : call.legs.filter((leg) => leg.user !== book.you);
  return all.map((leg) => nameOf(book, leg.user));
}

/** Rooms first, then people by their names. */
function sorted(users: readonly UserEntry[]): UserEntry[] {
  const rank = (user: UserEntry) => (user.kind === "room" ? 0 : 1);
  return [...users].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
}
