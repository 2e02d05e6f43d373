/** The WebSocket: numbered requests and their answers, deltas without gaps, and back again after a cut. */
import { VERSION, type Answer, type Ask, type Event, type Frame, type Hello, type Request, type Tell, type VideoCodec, type Welcome } from "./wire";

/** How long an answer may take before the wire counts as cut, in milliseconds. */
export const ANSWER_MS = 6_000;
/** How often the first `hello` is tried on a new wire before the join fails. */
export const GREETING_TRIES_MAX = 3;
/** How long a cut may last before the meeting is given up, in milliseconds. */
export const AWAY_MS_MAX = 5 * 60_000;
/** The waits between attempts to come back, in milliseconds; the last one repeats. */
export const BACK_OFF_MS: readonly number[] = [100, 300, 700, 1_500, 3_000, 5_000];
/** The most requests that may wait for an answer; one more is refused with `busy`. */
export const PENDING_MAX = 32;

/** Refusals that another attempt may not meet. */
const TEMPORARY: ReadonlySet<string> = new Set(["busy", "too-many-requests", "internal"]);

/** What is used of a `WebSocket`, so that tests can stand in for it. */
export interface Wire {
  send(text: string): void;
  close(): void;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
}

/** The world that the words live in. */
export interface World {
  open(): Wire;
  /** Calls back after `ms`, unless the returned function is called first. */
  after(ms: number, then: () => void): () => void;
  /** 0 to 1, to spread the returns of many pages. */
  random(): number;
}

/** What the words tell the page. */
export interface Ear {
  /** In: the first time, or anew because the appliance no longer knew us (then `again`). */
  welcome(welcome: Welcome, again: boolean): void;
  event(event: Event): void;
  tell(tell: Tell): void;
  /** The wire was cut; the words try to come back by themselves. */
  away(): void;
  /** Back as the same participant; missed deltas follow. */
  back(codec: VideoCodec): void;
  /** Out for good. */
  lost(refusal: Refusal): void;
}

/** Something was asked and is not allowed, or could not be asked. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(detail);
  }
}

interface Pending {
  request: Request;
  resolve(answer: Answer): void;
  reject(refusal: Refusal): void;
  /** Stops the clock of the answer; set once the request is on the wire. */
  stop?: () => void;
}

type Phase = "cold" | "warm" | "greeting" | "live" | "away" | "closed";

/**
 * ```text
 *  cold ──warm()──▶ warm ──hello()──▶ greeting ──welcome──▶ live ──cut──▶ away
 *    ▲                │                   │                   ▲             │ back-off, hello with resume
 *    └─ closed by the │ appliance         │ refused           └── resumed ──┤
 *       other side ◀──┘                   ▼                                 ▼ refused, or too long
 *                                       cold                              closed
 * ```
 */
export class Words {
  #phase: Phase = "cold";
  #wire: Wire | null = null;
  #open = false;
  #next = 1;
  #seq = 0;
  #secret = "";
  /** The last chat message that came. */
  #chat = 0;
  #hello: Omit<Hello, "version" | "resume"> | null = null;
  #tries = 0;
  #stopWaiting: (() => void) | null = null;
  #stopAway: (() => void) | null = null;
  readonly #pending = new Map<number, Pending>();

  constructor(
    private readonly world: World,
    private readonly ear: Ear,
  ) {}

  /** Whether requests reach the appliance now. */
  get live(): boolean {
    return this.#phase === "live";
  }

  /** Opens the wire ahead of the join, which is then a round trip shorter. */
  warm(): void {
    if (this.#phase !== "cold") return;
    this.#phase = "warm";
    this.#dial();
  }

  /** Says hello. Resolves when the appliance lets us in; rejects with its refusal. */
  async hello(hello: Omit<Hello, "version" | "resume">): Promise<void> {
    this.warm();
    this.#phase = "greeting";
    this.#tries = 1;
    this.#hello = hello;
    try {
      this.#welcomed(await this.#ask({ hello: { version: VERSION, ...hello } }), false);
    } catch (error) {
      this.#hangUp("cold");
      throw error;
    }
  }

  /** Asks for something. Right behind `hello` it travels in the same flight. */
  ask(ask: Ask): Promise<Answer> {
    if (this.#phase !== "live" && this.#phase !== "greeting") {
      return Promise.reject(new Refusal("peer-lost", "The appliance cannot be reached at the moment."));
    }
    return this.#ask(ask);
  }

  /** The network has changed: the wire is dead even if nobody has noticed yet, so come back on a new one at once. */
  renew(): void {
    if (this.#phase === "live") this.#cut();
    if (this.#phase !== "away" || this.#wire) return;
    this.#stopWaiting?.();
    this.#dial();
  }

  /** Ends the words for good. */
  close(): void {
    this.#hangUp("closed");
  }

  #ask(ask: Ask): Promise<Answer> {
    if (this.#pending.size >= PENDING_MAX) {
      return Promise.reject(new Refusal("busy", "Too many requests are waiting for an answer."));
    }
    const request = { id: this.#next++, do: ask };
    return new Promise((resolve, reject) => {
      const pending: Pending = { request, resolve, reject };
      this.#pending.set(request.id, pending);
      if (this.#open) this.#send(pending);
    });
  }

  #send(pending: Pending): void {
    this.#expect(pending);
    this.#wire?.send(JSON.stringify(pending.request));
  }

  #expect(pending: Pending): void {
    pending.stop?.();
    pending.stop = this.world.after(ANSWER_MS, () => this.#cut());
  }

  #dial(): void {
    const wire = this.world.open();
    this.#wire = wire;
    this.#open = false;
    wire.onopen = () => this.#wire === wire && this.#opened();
    wire.onmessage = ({ data }) => this.#wire === wire && this.#heard(data);
    wire.onclose = () => this.#wire === wire && this.#cut();
  }

  #opened(): void {
    this.#open = true;
    if (this.#phase === "away") return void this.#resume();
    for (const pending of this.#pending.values()) this.#send(pending);
  }

  #told(tell: Tell): void {
    if ("waiting" in tell) this.#waitOutside();
    if ("chat" in tell) this.#chat = Math.max(this.#chat, ...tell.chat.messages.map((one) => one.id));
    this.ear.tell(tell);
  }

  #heard(data: unknown): void {
    const frame = read(data);
    if (!frame) return this.#cut();
    if ("seq" in frame) this.#delta(frame.seq, frame.event);
    else if ("tell" in frame) this.#told(frame.tell);
    else if ("ok" in frame) this.#take(frame.re)?.resolve(frame.ok);
    else {
      const refusal = new Refusal(frame.refused.code, frame.refused.detail);
      if (frame.re !== undefined) this.#take(frame.re)?.reject(refusal);
    }
  }

  /** Whether we are let in is up to people, who take their time. */
  #waitOutside(): void {
    this.#tries = 1;
    for (const pending of this.#pending.values()) pending.stop?.();
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    pending?.stop?.();
    this.#pending.delete(id);
    return pending;
  }

  /** A gap means that something was lost on the way: come back and be told it. */
  #delta(seq: number, event: Event): void {
    if (seq <= this.#seq) return;
    if (seq > this.#seq + 1) return this.#cut();
    this.#seq = seq;
    this.ear.event(event);
  }

  #welcomed(answer: Answer, again: boolean): void {
    if (!("welcome" in answer)) throw new Refusal("internal", "The appliance answered hello with something else.");
    this.#secret = answer.welcome.secret;
    this.#seq = answer.welcome.seq;
    this.#arrived();
    for (const pending of this.#pending.values()) this.#expect(pending);
    this.ear.welcome(answer.welcome, again);
  }

  #arrived(): void {
    this.#phase = "live";
    this.#tries = 0;
    this.#stopAway?.();
    this.#stopAway = null;
  }

  #cut(): void {
    this.#drop();
    if (this.#phase === "warm") this.#phase = "cold";
    else if (this.#phase === "greeting") this.#greetAgain();
    else if (this.#phase === "live") {
      this.#phase = "away";
      this.#stopAway = this.world.after(AWAY_MS_MAX, () => this.#giveUp(gone()));
      this.#refuseAll(gone());
      this.#wait();
      this.ear.away();
    } else if (this.#phase === "away") {
      this.#refuseAll(gone());
      this.#wait();
    }
  }

  /** The unanswered first flight is sent anew: the warm wire may have been closed under our hand. */
  #greetAgain(): void {
    if (this.#tries >= GREETING_TRIES_MAX) return this.#refuseAll(gone());
    this.#tries += 1;
    this.#dial();
  }

  #wait(): void {
    const step = BACK_OFF_MS[Math.min(this.#tries, BACK_OFF_MS.length - 1)] ?? 0;
    this.#tries += 1;
    this.#stopWaiting?.();
    this.#stopWaiting = this.world.after(step * (0.75 + this.world.random() / 2), () => {
      if (this.#phase === "away" && !this.#wire) this.#dial();
    });
  }

  async #resume(): Promise<void> {
    const hello = this.#hello;
    if (!hello) return;
    try {
      const resume = { secret: this.#secret, seq: this.#seq, chat: this.#chat };
      const answer = await this.#ask({ hello: { version: VERSION, ...hello, resume } });
      if (!("resumed" in answer)) return this.#welcomed(answer, true);
      this.#arrived();
      this.ear.back(answer.resumed.video_codec);
    } catch (error) {
      if (this.#phase === "away" && this.#open) this.#joinAnew(asRefusal(error));
    }
  }

  /** The appliance no longer knows us (it was away too, or we for too long): join as somebody new. */
  #joinAnew(why: Refusal): void {
    const hello = this.#hello;
    if (TEMPORARY.has(why.code)) return this.#cut();
    if (!hello || why.code === "meeting-not-found" || why.code.endsWith("-too-old")) return this.#giveUp(why);
    this.#drop();
    this.#dial();
    const wire = this.#wire;
    if (!wire) return;
    wire.onopen = async () => {
      this.#open = true;
      try {
        this.#welcomed(await this.#ask({ hello: { version: VERSION, ...hello } }), true);
      } catch (error) {
        if (this.#wire === wire) this.#giveUp(asRefusal(error));
      }
    };
  }

  #giveUp(why: Refusal): void {
    this.#hangUp("closed");
    this.ear.lost(why);
  }

  #hangUp(phase: Phase): void {
    this.#phase = phase;
    this.#stopWaiting?.();
    this.#stopAway?.();
    this.#drop();
    this.#refuseAll(gone());
  }

  #drop(): void {
    const wire = this.#wire;
    this.#wire = null;
    this.#open = false;
    wire?.close();
  }

  #refuseAll(why: Refusal): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) {
      pending.stop?.();
      pending.reject(why);
    }
  }
}

function gone(): Refusal {
  return new Refusal("peer-lost", "The appliance cannot be reached.");
}

/** Whatever was thrown, as a refusal. */
export function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("internal", String(error));
}

function read(data: unknown): Frame | null {
  if (typeof data !== "string") return null;
  try {
    return JSON.parse(data) as Frame;
  } catch {
    return null;
  }
}

/** The world of a real browser. */
export function browserWorld(url: string): World {
  return {
    open: () => new WebSocket(url) as unknown as Wire,
    after: (ms, then) => {
      const timer = setTimeout(then, ms);
      return () => clearTimeout(timer);
    },
    random: Math.random,
  };
}
