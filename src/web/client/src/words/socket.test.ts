/** How the words behave on a wire that opens late, is cut, loses something or refuses. */
import { beforeEach, describe, expect, it } from "vitest";
import { ANSWER_MS, AWAY_MS_MAX, BACK_OFF_MS, GREETING_TRIES_MAX, PENDING_MAX, Refusal, Words, type Ear, type Wire } from "./socket";
import type { Frame, Request, Welcome } from "./wire";
import { USUAL_RIGHTS } from "./meeting";

class FakeWire implements Wire {
  onopen: Wire["onopen"] = null;
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  readonly sent: Request[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Request);
  }
  close(): void {
    this.closed = true;
  }
  open(): void {
    this.onopen?.(undefined as never);
  }
  say(frame: Frame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  cut(): void {
    this.onclose?.({ code: 1006, reason: "" });
  }
  get last(): Request {
    const last = this.sent.at(-1);
    if (!last) throw new Error("nothing was sent");
    return last;
  }
}

/** Wires and a clock that only move when told to. */
class FakeWorld {
  readonly wires: FakeWire[] = [];
  #timers: { at: number; then: () => void }[] = [];
  #now = 0;

  open(): Wire {
    const wire = new FakeWire();
    this.wires.push(wire);
    return wire;
  }
  after(ms: number, then: () => void): () => void {
    const timer = { at: this.#now + ms, then };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  random(): number {
    return 0.5;
  }
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= until).sort((one, other) => one.at - other.at)[0];
      if (!next) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.then();
      await settled();
    }
    this.#now = until;
  }
  get wire(): FakeWire {
    const last = this.wires.at(-1);
    if (!last) throw new Error("no wire was opened");
    return last;
  }
}

class Notes implements Ear {
  readonly heard: string[] = [];
  welcome(_: Welcome, again: boolean): void {
    this.heard.push(again ? "welcome again" : "welcome");
  }
  event(event: object): void {
    this.heard.push(`event ${Object.keys(event)[0]}`);
  }
  tell(tell: object): void {
    this.heard.push(`tell ${Object.keys(tell)[0]}`);
  }
  away(): void {
    this.heard.push("away");
  }
  back(codec: string): void {
    this.heard.push(`back ${codec}`);
  }
  lost(refusal: Refusal): void {
    this.heard.push(`lost ${refusal.code}`);
  }
}

const welcome: Welcome = {
  version: 1, you: "me", secret: "hush", seq: 10, video_codec: "h264", participants: [],
  meeting: { name: "m", mode: "video", max_participants: 9, rights: USUAL_RIGHTS, locked: false, lobby: false, schedule: {}, attributes: {}, polls: [] },
};
const settled = async () => {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
};
const ended = { ended: {} };

let world: FakeWorld;
let notes: Notes;
let words: Words;

beforeEach(() => {
  world = new FakeWorld();
  notes = new Notes();
  words = new Words(world, notes);
});

async function joined(): Promise<void> {
  const hello = words.hello({ token: "t", name: "n" });
  world.wire.open();
  world.wire.say({ re: world.wire.last.id, ok: { welcome } });
  await hello;
}

describe("joining", () => {
  it("uses the wire that was opened ahead, and sends the offer in the same flight as hello", async () => {
    words.warm();
    world.wire.open();
    const hello = words.hello({ token: "t", name: "n" });
    const answer = words.ask({ offer: { sdp: "o" } });
    expect(world.wires).toHaveLength(1);
    const [first, second] = world.wire.sent;
    expect(first?.do).toEqual({ hello: { version: 1, token: "t", name: "n" } });
    expect(second?.do).toEqual({ offer: { sdp: "o" } });
    world.wire.say({ re: first?.id ?? 0, ok: { welcome } });
    world.wire.say({ re: second?.id ?? 0, ok: { answer: { sdp: "a" } } });
    await hello;
    expect(await answer).toEqual({ answer: { sdp: "a" } });
    expect(notes.heard).toEqual(["welcome"]);
  });

  it("opens another wire when the one opened ahead was closed meanwhile", async () => {
    words.warm();
    world.wire.open();
    world.wire.cut();
    await joined();
    expect(world.wires).toHaveLength(2);
    expect(words.live).toBe(true);
  });

  it("says the first flight anew when the wire goes before an answer, a few times", async () => {
    const hello = words.hello({ token: "t", name: "n" });
    hello.catch(() => undefined);
    for (let attempt = 0; attempt < GREETING_TRIES_MAX; attempt++) {
      world.wire.open();
      expect(world.wire.sent).toHaveLength(1);
      world.wire.cut();
    }
    await expect(hello).rejects.toMatchObject({ code: "peer-lost" });
    expect(world.wires).toHaveLength(GREETING_TRIES_MAX);
  });

  it("passes a refusal on, and can try again with another password", async () => {
    const hello = words.hello({ token: "t", name: "n" });
    const offer = words.ask({ offer: { sdp: "o" } });
    offer.catch(() => undefined);
    world.wire.open();
    world.wire.say({ re: world.wire.sent[0]?.id ?? 0, refused: { code: "wrong-password", detail: "no" } });
    await expect(hello).rejects.toMatchObject({ code: "wrong-password", detail: "no" });
    await expect(offer).rejects.toBeInstanceOf(Refusal);
    await joined();
    expect(notes.heard).toEqual(["welcome"]);
  });

  it("waits outside as long as it takes, also over another wire, and is patient with the answers no longer than usual", async () => {
    const hello = words.hello({ token: "t", name: "n" });
    const offer = words.ask({ offer: { sdp: "o" } });
    offer.catch(() => undefined);
    for (let attempt = 0; attempt < GREETING_TRIES_MAX * 2; attempt++) {
      world.wire.open();
      expect(world.wire.sent).toHaveLength(2);
      world.wire.say({ tell: { waiting: { until: "admission", schedule: {} } } });
      await world.pass(ANSWER_MS * 100);
      expect(world.wire.closed).toBe(false);
      world.wire.cut();
    }
    world.wire.open();
    world.wire.say({ tell: { waiting: { until: "host", schedule: {} } } });
    world.wire.say({ re: world.wire.sent[0]?.id ?? 0, ok: { welcome } });
    await hello;
    await world.pass(ANSWER_MS);
    await expect(offer).rejects.toMatchObject({ code: "peer-lost" });
  });

  it("refuses more requests than may wait", async () => {
    await joined();
    for (let count = 0; count < PENDING_MAX; count++) words.ask({ leave: {} }).catch(() => undefined);
    await expect(words.ask({ leave: {} })).rejects.toMatchObject({ code: "busy" });
  });
});

describe("deltas", () => {
  it("are told in order, each once", async () => {
    await joined();
    world.wire.say({ seq: 11, event: { presence: { participant: "a", present: true } } });
    world.wire.say({ seq: 11, event: { presence: { participant: "a", present: true } } });
    world.wire.say({ seq: 9, event: ended });
    expect(notes.heard).toEqual(["welcome", "event presence"]);
  });

  it("with a gap bring the words back on a new wire, from the last one seen", async () => {
    await joined();
    world.wire.say({ seq: 12, event: ended });
    expect(notes.heard).toEqual(["welcome", "away"]);
    await world.pass(BACK_OFF_MS[0] ?? 0);
    world.wire.open();
    expect(world.wire.last.do).toMatchObject({ hello: { resume: { secret: "hush", seq: 10 } } });
  });
});

describe("a cut", () => {
  it("ends by resuming as the same participant, and the missed deltas follow", async () => {
    await joined();
    world.wire.cut();
    await world.pass(1_000);
    expect(world.wires).toHaveLength(2);
    world.wire.open();
    world.wire.say({ re: world.wire.last.id, ok: { resumed: { seq: 11, video_codec: "vp8" } } });
    await settled();
    world.wire.say({ seq: 11, event: { presence: { participant: "a", present: false } } });
    expect(notes.heard).toEqual(["welcome", "away", "back vp8", "event presence"]);
  });

  it("rejects what waited for an answer, and refuses new requests until it is over", async () => {
    await joined();
    const asked = words.ask({ watch: { wishes: [] } });
    world.wire.cut();
    await expect(asked).rejects.toMatchObject({ code: "peer-lost" });
    await expect(words.ask({ leave: {} })).rejects.toMatchObject({ code: "peer-lost" });
  });

  it("is assumed when an answer does not come", async () => {
    await joined();
    words.ask({ watch: { wishes: [] } }).catch(() => undefined);
    await world.pass(ANSWER_MS - 1);
    expect(words.live).toBe(true);
    await world.pass(1);
    expect(words.live).toBe(false);
    expect(world.wires[0]?.closed).toBe(true);
  });

  it("is tried to be ended at longer and longer intervals, and at once when the network has changed", async () => {
    await joined();
    world.wire.cut();
    await world.pass(BACK_OFF_MS[0] ?? 0);
    world.wire.cut();
    const wires = world.wires.length;
    await world.pass((BACK_OFF_MS[1] ?? 0) - 1);
    expect(world.wires).toHaveLength(wires);
    words.renew();
    expect(world.wires).toHaveLength(wires + 1);
  });

  it("that the appliance has forgotten ends by joining anew", async () => {
    await joined();
    world.wire.cut();
    await world.pass(1_000);
    world.wire.open();
    world.wire.say({ re: world.wire.last.id, refused: { code: "peer-lost", detail: "" } });
    await settled();
    world.wire.open();
    expect(world.wire.last.do).toEqual({ hello: { version: 1, token: "t", name: "n" } });
    world.wire.say({ re: world.wire.last.id, ok: { welcome: { ...welcome, secret: "new" } } });
    await settled();
    expect(notes.heard).toEqual(["welcome", "away", "welcome again"]);
  });

  it("of a meeting that is gone is for good", async () => {
    await joined();
    world.wire.cut();
    await world.pass(1_000);
    world.wire.open();
    world.wire.say({ re: world.wire.last.id, refused: { code: "meeting-not-found", detail: "" } });
    await settled();
    expect(notes.heard).toEqual(["welcome", "away", "lost meeting-not-found"]);
  });

  it("is given up after some minutes", async () => {
    await joined();
    world.wire.cut();
    for (let waited = 0; waited <= AWAY_MS_MAX; waited += 1_000) {
      world.wire.cut();
      await world.pass(1_000);
    }
    expect(notes.heard).toEqual(["welcome", "away", "lost peer-lost"]);
    const wires = world.wires.length;
    await world.pass(AWAY_MS_MAX);
    expect(world.wires).toHaveLength(wires);
  });
});

it("what cannot be read counts as a cut", async () => {
  await joined();
  world.wire.onmessage?.({ data: "{" });
  expect(notes.heard).toEqual(["welcome", "away"]);
});

it("a change of the network brings the words back on a new wire at once", async () => {
  await joined();
  words.renew();
  expect(world.wires).toHaveLength(2);
  world.wire.open();
  expect(world.wire.last.do).toMatchObject({ hello: { resume: { secret: "hush", seq: 10 } } });
});
