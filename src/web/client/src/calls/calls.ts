/** My part in calls: signed in, rung, calling, in a call; the user interface only looks and asks. */
import { Attendance } from "../attendance";
import { Cell } from "../cell";
import { expose } from "../inspect";
import { Devices } from "../media/devices";
import type { Answer, Ask, CallEnd, CallState, Media, Tell, Welcome } from "../words/calling";
import { asRefusal, browserWorld, Refusal } from "../words/socket";
import { calling, hear, isLive, mine, nameOf, open, partners, remember, ringing, type Book } from "./book";
import { forgetUser } from "./identity";
import { Push } from "./push";
import { play, type Tone } from "./tones";
import { CallsWire, type CallsEar } from "./wire";

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
  /** The meeting that I am in, and the call that it belongs to, or by which I ring others into it. */
  readonly inside: { readonly call: string | null; readonly attendance: Attendance } | null;
}

export class Calls implements CallsEar {
  readonly view = new Cell<CallsView>({ book: null, away: false, lost: null, refusal: null, outcome: null, inside: null });
  readonly push = new Push({ push: (subscription) => this.request({ push: subscription }), unpush: (endpoint) => this.request({ unpush: { endpoint } }) });
  readonly #wire: CallsWire;
  #tone: { readonly name: Tone; stop(): void } | null = null;
  #stopTelling: ReturnType<typeof setTimeout> | undefined;
  #devices: Devices | null = null;
  /** The meeting, if it is no call, from which others are rung. */
  readonly #meeting: Attendance | null;

  /** `attendance`: of a meeting that is no call; others can be rung into it. */
  constructor(token: string, device: string, attendance?: Attendance) {
    this.#meeting = attendance ?? null;
    if (attendance) this.view.patch({ inside: { call: null, attendance } });
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

  /** Rings more people into the meeting that I am in. */
  async invite(users: string[]): Promise<void> {
    const { inside } = this.view.value;
    if (!inside) return;
    this.view.patch({ outcome: null });
    if (inside.call) return void this.request({ invite: { call: inside.call, users } });
    const answer = await this.#ask({ ring: { users, media: "video", meeting: inside.attendance.place.meeting } });
    const call = answer && "ringing" in answer ? answer.ringing.call : null;
    // Where nobody can be rung the call is over by now.
    if (this.view.value.book?.calls.some((one) => one.id === call)) this.view.patch({ inside: { ...inside, call } });
  }

  /** Is signed in here no longer. */
  close(): void {
    this.#wire.close();
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
    forgetUser();
    this.#wire.close();
    location.reload();
  }

  /** Asks something of the appliance; what is refused is said in the view. Resolves to whether it was done. */
  async request(ask: Ask): Promise<boolean> {
    return (await this.#ask(ask)) !== null;
  }

  // What the wire tells.

  welcome(welcome: Welcome): void {
    const before = this.view.value.book;
    this.view.patch({ book: open(welcome, before), away: false, refusal: null });
    if (before) this.#miss(before, welcome);
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
    if (refusal.code === "not-permitted" || refusal.code === "user-not-found") forgetUser();
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

  /** A call in which I was here has ended while the wire was cut. */
  #miss(before: Book, welcome: Welcome): void {
    const isHere = (call: CallState) => {
      const leg = mine(before, call);
      return leg !== undefined && isLive(leg.state) && leg.device === before.device;
    };
    const gone = before.calls.find((call) => isHere(call) && !welcome.calls.some((one) => one.id === call.id));
    if (gone) this.#over(before, gone, "lost");
  }

  /** A call in which I was here is over, and so is what I have of it. */
  #over(book: Book, call: CallState, end: CallEnd): void {
    const { inside } = this.view.value;
    const talkedMs = call.answered_ms === undefined ? 0 : Math.max(0, Date.now() - call.answered_ms);
    this.#conclude({ end, with: partners(book, call).join(", "), talkedMs });
    if (inside?.call !== call.id) return;
    // The meeting was there before the call, and goes on.
    if (inside.attendance === this.#meeting) return this.view.patch({ inside: { ...inside, call: null } });
    inside.attendance.leave();
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
    if (leg?.device === book.device && leg.state !== "declined") this.#over(book, before ?? call, call.end);
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
    // Who has gone to another meeting with this tab has left the call for it.
    if (!book || this.#meeting || inside?.call === call) return;
    inside?.attendance.leave();
    const devices = (this.#devices ??= new Devices(navigator.mediaDevices));
    const attendance = new Attendance({ meeting, token }, devices, media === "video");
    expose(attendance);
    this.view.patch({ inside: { call, attendance }, outcome: null });
    attendance.view.watch(({ phase, refusal }) => {
      if (phase === "over" || (phase === "lobby" && refusal)) this.#outside(call);
    });
    void devices.open(attendance.view.value.cameraOn).then(() => attendance.enter(nameOf(book, book.you), ""));
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
