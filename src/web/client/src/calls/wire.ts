/** The wire of calls: requests and their answers, and coming back after a cut for as long as the page is open. */
import { asRefusal, Refusal, type Wire, type World } from "../words/socket";
import { VERSION, type Answer, type Ask, type Frame, type Tell, type Welcome } from "../words/calling";

/** How long to wait before dialling again, the longest at last, in milliseconds. */
const BACK_OFF_MS = [300, 1_000, 2_000, 5_000, 10_000, 20_000];
/** How long an answer may take before the wire counts as dead, in milliseconds. */
const ANSWER_MS = 8_000;
/** What will not be any better next time. */
const FINAL = new Set(["not-permitted", "user-not-found", "client-too-old", "server-too-old", "invalid-parameter"]);

/** What the wire tells the page. */
export interface CallsEar {
  /** Signed in, for the first time or again. */
  welcome(welcome: Welcome): void;
  tell(tell: Tell): void;
  /** The wire was cut, or hello was refused for now; it tries again by itself. */
  away(why?: Refusal): void;
  /** Signed out for good. */
  lost(refusal: Refusal): void;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(refusal: Refusal): void;
  stop(): void;
}

/**
 * ```text
 *  closed ──open()──▶ dialling ──welcome──▶ live
 *    ▲                   ▲  │ cut              │ cut
 *    │ refused for good  │  ▼                  ▼
 *    └───────────────────┴─ waiting ◀──────────┘
 * ```
 */
export class CallsWire {
  #wire: Wire | null = null;
  #live = false;
  #isOpen = false;
  #next = 1;
  #tries = 0;
  #stopWaiting: (() => void) | null = null;
  readonly #pending = new Map<number, Pending>();

  constructor(
    private readonly world: World,
    private readonly ear: CallsEar,
    private readonly hello: { readonly token: string; readonly device: string },
  ) {}

  open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#dial();
  }

  /** The network, or the page, is back: whatever is waited for happens now. */
  hurry(): void {
    if (!this.#isOpen || this.#wire) return;
    this.#stopWaiting?.();
    this.#dial();
  }

  close(): void {
    this.#isOpen = false;
    this.#stopWaiting?.();
    this.#drop();
  }

  /** Asks for something; rejects with a refusal, also while the wire is cut. */
  ask(ask: Ask): Promise<Answer> {
    if (!this.#live) return Promise.reject(gone());
    return this.#ask(ask);
  }

  #ask(ask: Ask): Promise<Answer> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const stop = this.world.after(ANSWER_MS, () => this.#cut());
      this.#pending.set(id, { resolve, reject, stop });
      this.#wire?.send(JSON.stringify({ id, do: ask }));
    });
  }

  #dial(): void {
    const wire = this.world.open();
    this.#wire = wire;
    wire.onopen = () => this.#wire === wire && void this.#greet();
    wire.onmessage = ({ data }) => this.#wire === wire && this.#heard(data);
    wire.onclose = () => this.#wire === wire && this.#cut();
  }

  async #greet(): Promise<void> {
    try {
      const answer = await this.#ask({ hello: { version: VERSION, ...this.hello } });
      if (!("welcome" in answer)) throw new Refusal("internal", "The appliance answered hello with something else.");
      this.#live = true;
      this.#tries = 0;
      this.ear.welcome(answer.welcome);
    } catch (error) {
      const refusal = asRefusal(error);
      if (!FINAL.has(refusal.code)) {
        this.#cut();
        return this.ear.away(refusal);
      }
      this.close();
      this.ear.lost(refusal);
    }
  }

  #heard(data: unknown): void {
    const frame = read(data);
    if (!frame) return this.#cut();
    if ("tell" in frame) this.ear.tell(frame.tell);
    else if ("ok" in frame) this.#take(frame.re)?.resolve(frame.ok);
    else if (frame.re !== undefined) this.#take(frame.re)?.reject(new Refusal(frame.refused.code, frame.refused.detail));
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    pending?.stop();
    this.#pending.delete(id);
    return pending;
  }

  #cut(): void {
    if (!this.#isOpen || !this.#wire) return;
    const wasLive = this.#live;
    this.#drop();
    const step = BACK_OFF_MS[Math.min(this.#tries, BACK_OFF_MS.length - 1)] ?? 0;
    this.#tries += 1;
    this.#stopWaiting = this.world.after(step * (0.75 + this.world.random() / 2), () => this.hurry());
    if (wasLive) this.ear.away();
  }

  #drop(): void {
    const wire = this.#wire;
    this.#wire = null;
    this.#live = false;
    wire?.close();
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of all) {
      pending.stop();
      pending.reject(gone());
    }
  }
}

function gone(): Refusal {
  return new Refusal("peer-lost", "The appliance cannot be reached.");
}

function read(data: unknown): Frame | null {
  if (typeof data !== "string") return null;
  try {
    return JSON.parse(data) as Frame;
  } catch {
    return null;
  }
}
