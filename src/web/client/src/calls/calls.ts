/** My part in calls: signed in, rung, calling, in a call; the user interface only looks and asks. */
import { Attendance } from "../attendance";
import { Cell } from "../cell";
import { expose } from "../inspect";
import { Devices } from "../media/devices";
import type { Answer, Ask, CallEnd, CallState, Media, Tell, Welcome } from "../words/calling";
import { asRefusal, browserWorld, Refusal } from "../words/socket";
import { calling, hear, mine, nameOf, open, partners, remember, ringing, type Book } from "./book";
import { Push } from "./push";
import { play, type Tone } from "./tones";
import { CallsWire, type CallsEar } from "./wire";

/** Under which this browser keeps who I am. */
const TOKEN = "alcove.user";
/** Under which this tab keeps which device it is. */
const DEVICE = "alcove.device";
/** How long a page that is reloaded may take to be gone, in milliseconds. */
const LEFT_WITHIN_MS = 500;
/** How long it is told what has come of a call, in milliseconds. */
const TOLD_MS = 8_000;

/** What has come of the last call, for a while. */
export interface Outcome {
  readonly end: CallEnd | "elsewhere" | "declined_elsewhere";
  readonly with: string;
  readonly talkedMs: number;
}

/** What the user interface shows of it all. */
export interface CallsView {
  readonly book: Book | null;
  /** The wire is cut, and comes back by itself. */
  readonly away: boolean;
  /** Signed out for good. */
  readonly lost: Refusal | null;
  /** Why the last thing that I asked was refused. */
  readonly refusal: Refusal | null;
  readonly outcome: Outcome | null;
  /** The call that I am in. */
  readonly inside: { readonly call: string; readonly attendance: Attendance } | null;
}

export class Calls implements CallsEar {
  readonly view = new Cell<CallsView>({ book: null, away: false, lost: null, refusal: null, outcome: null, inside: null });
  readonly push = new Push({ push: (subscription) => this.request({ push: subscription }), unpush: (endpoint) => this.request({ unpush: { endpoint } }) });
  readonly #wire: CallsWire;
  #tone: { readonly name: Tone; stop(): void } | null = null;
  #stopTelling: ReturnType<typeof setTimeout> | undefined;
  #devices: Devices | null = null;

  constructor(token: string, device: string) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const world = browserWorld(`${scheme}://${location.host}/api/v1/calls/ws`);
    this.#wire = new CallsWire(world, this, { token, device });
    addEventListener("online", () => this.#wire.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#wire.hurry());
    this.#wire.open();
  }

  /** Rings somebody. */
  ring(users: string[], media: Media): void {
    this.view.patch({ outcome: null });
    void this.request({ ring: { users, media } });
  }

  /** Rings more people into the call that I am in. */
  invite(users: string[]): void {
    const call = this.view.value.inside?.call;
    if (call) void this.request({ invite: { call, users } });
  }

  accept(call: CallState): void {
    void this.request({ accept: { call: call.id } });
  }

  decline(call: CallState): void {
    void this.request({ decline: { call: call.id } });
  }

  hangUp(call: string): void {
    void this.request({ hang_up: { call } });
  }

  setDisturb(off: boolean): void {
    void this.request({ do_not_disturb: { on: off } });
  }

  seenMissed(): void {
    const { book } = this.view.value;
    if (!book || book.missed === 0) return;
    this.view.patch({ book: { ...book, missed: 0 } });
    void this.request({ seen_missed: {} });
  }

  /** Forgets who I am in this browser. */
  async signOut(): Promise<void> {
    await this.push.switchOff().catch(() => undefined);
    localStorage.removeItem(TOKEN);
    this.#wire.close();
    location.reload();
  }

  /** Asks something of the appliance; what is refused is said in the view. Resolves to whether it was done. */
  async request(ask: Ask): Promise<boolean> {
    return (await this.#ask(ask)) !== null;
  }

  // What the wire tells.

  welcome(welcome: Welcome): void {
    this.view.patch({ book: open(welcome, this.view.value.book), away: false, refusal: null });
    this.#sound();
    void this.push.begin(welcome.push_key);
    void this.#ask({ history: {} }).then((answer) => {
      const { book } = this.view.value;
      if (book && answer && "history" in answer) this.view.patch({ book: remember(book, answer.history.records) });
    });
  }

  tell(tell: Tell): void {
    const { book } = this.view.value;
    if (!book) return;
    const before = "call" in tell ? book.calls.find((call) => call.id === tell.call.call.id) : undefined;
    this.view.patch({ book: hear(book, tell) });
    if ("enter" in tell) this.#enter(tell.enter);
    if ("call" in tell) this.#told(book, before, tell.call.call);
    this.#sound();
  }

  away(why?: Refusal): void {
    this.view.patch({ away: true, ...(why ? { refusal: why } : {}) });
    this.#sound();
  }

  lost(refusal: Refusal): void {
    if (refusal.code === "not-permitted" || refusal.code === "user-not-found") localStorage.removeItem(TOKEN);
    this.view.patch({ lost: refusal });
    this.#sound();
  }

  async #ask(ask: Ask): Promise<Answer | null> {
    try {
      const answer = await this.#wire.ask(ask);
      this.view.patch({ refusal: null });
      return answer;
    } catch (error) {
      this.view.patch({ refusal: asRefusal(error) });
      return null;
    }
  }

  /** A call has changed: what is it to me? */
  #told(book: Book, before: CallState | undefined, call: CallState): void {
    const leg = mine(book, call);
    const wasRung = before !== undefined && ["ringing", "knocking"].includes(mine(book, before)?.state ?? "");
    const who = partners(book, before ?? call).join(", ");
    if (wasRung && leg?.device !== undefined && leg.device !== book.device) {
      if (leg.state === "declined") return this.#conclude({ end: "declined_elsewhere", with: who, talkedMs: 0 });
      if (leg.state === "joining" || leg.state === "in") return this.#conclude({ end: "elsewhere", with: who, talkedMs: 0 });
    }
    if (!call.end) return;
    const isHere = leg?.device === book.device;
    const talkedMs = call.answered_ms === undefined ? 0 : Math.max(0, Date.now() - call.answered_ms);
    if (isHere && leg?.state !== "declined") this.#conclude({ end: call.end, with: who, talkedMs });
  }

  #conclude(outcome: Outcome): void {
    this.view.patch({ outcome });
    clearTimeout(this.#stopTelling);
    this.#stopTelling = setTimeout(() => this.view.patch({ outcome: null }), TOLD_MS);
    if (outcome.end !== "elsewhere" && outcome.end !== "declined_elsewhere") play("end");
  }

  /** Somebody has answered, or I have: into the meeting. */
  #enter({ call, meeting, token, media }: { call: string; meeting: string; token: string; media: Media }): void {
    const { book, inside } = this.view.value;
    if (!book || inside?.call === call) return;
    inside?.attendance.leave();
    const devices = (this.#devices ??= new Devices(navigator.mediaDevices));
    const attendance = new Attendance({ meeting, token }, devices);
    expose(attendance);
    this.view.patch({ inside: { call, attendance }, outcome: null });
    attendance.view.watch(({ phase, refusal }) => {
      if (phase === "over" || (phase === "lobby" && refusal)) this.#outside(call);
    });
    void devices.open(media === "video").then(() => attendance.enter(nameOf(book, book.you), ""));
  }

  /** The meeting of a call is over for me, and so is the call. */
  #outside(call: string): void {
    const { inside, book } = this.view.value;
    if (inside?.call !== call) return;
    this.view.patch({ inside: null });
    this.#devices?.close();
    if (book?.calls.some((one) => one.id === call)) this.hangUp(call);
  }

  /** What is to be heard now. */
  #sound(): void {
    const wanted = this.#wantedTone();
    if (this.#tone?.name === wanted) return;
    this.#tone?.stop();
    this.#tone = wanted ? { name: wanted, stop: play(wanted) } : null;
  }

  #wantedTone(): Tone | null {
    const { book, away, lost } = this.view.value;
    if (!book || away || lost) return null;
    const rings = ringing(book);
    if (rings) return mine(book, rings)?.state === "knocking" ? "knock" : "ring";
    return calling(book) ? "back" : null;
  }
}

/** The token that the address brings, else that of before; the address forgets it, for it is as good as a password. */
export function userToken(): string {
  const given = new URLSearchParams(location.hash.slice(1)).get("u");
  if (given) {
    localStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? localStorage.getItem(TOKEN) ?? "";
}

/**
 * Which device this tab is: the same after a reload, another one in another tab. A tab that was duplicated has the name of
 * the first one along; whose name it is, is who has the lock.
 */
export async function deviceName(): Promise<string> {
  const known = sessionStorage.getItem(DEVICE);
  if (known && (await owns(known))) return known;
  const made = crypto.randomUUID();
  sessionStorage.setItem(DEVICE, made);
  await owns(made);
  return made;
}

/** Takes a name for as long as the page lives; a page that is being left has it for a moment still. */
function owns(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const keep = () => {
      resolve(true);
      return new Promise<never>(() => undefined);
    };
    navigator.locks.request(`${DEVICE}.${name}`, { signal: AbortSignal.timeout(LEFT_WITHIN_MS) }, keep).catch(() => resolve(false));
  });
}
