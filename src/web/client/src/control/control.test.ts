/** Questions to the controller: paired, told, cut, out. */
import { beforeEach, expect, test } from "vitest";
import { Control, type ControlWorld } from "./control";

type Reply = { status: number; body: unknown } | Error;

/** An appliance that answers one request after the other out of a list, and notes what was asked. */
class Script implements ControlWorld {
  readonly asked: string[] = [];
  readonly waited: number[] = [];
  readonly #replies: Reply[];
  constructor(...replies: Reply[]) {
    this.#replies = replies;
  }

  async ask(method: string, path: string, token: string, body?: unknown) {
    this.asked.push([method, path, token, body === undefined ? "" : JSON.stringify(body)].join(" ").trim());
    const reply = this.#replies.shift() ?? out;
    if (reply instanceof Error) throw reply;
    return reply;
  }

  async wait(ms: number) {
    this.waited.push(ms);
  }
}

const out: Reply = { status: 401, body: { code: "not-permitted", detail: "the meeting is over" } };
const state = (revision: number): Reply => ({ status: 200, body: { revision, name: "Den" } });

beforeEach(() => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  Object.assign(globalThis, { sessionStorage: storage, localStorage: storage });
});

test("a key becomes a controller, which asks for the next state by the one it knows", async () => {
  const world = new Script({ status: 201, body: { token: "T" } }, state(7), state(8), out);
  const control = new Control(world);
  await control.follow({ key: "K", token: "" });
  expect(world.asked).toEqual(['POST room/pair  {"key":"K"}', "GET room T", "GET room?since=7 T", "GET room?since=8 T"]);
  expect(control.view.value.room?.revision).toBe(8);
  expect(control.view.value.lost?.code).toBe("not-permitted");
  expect(sessionStorage.getItem("alcove.controller"), "its time is over").toBeNull();
});

test("an appliance that cannot be reached is asked again, more and more seldom, and then for its state of now", async () => {
  const gone = new TypeError("Failed to fetch");
  const world = new Script(state(1), gone, gone, gone, state(1), gone, out);
  const control = new Control(world);
  const away: boolean[] = [];
  control.view.watch((view) => away.push(view.away));
  await control.follow({ key: "", token: "T" });
  expect(world.waited).toEqual([500, 1_000, 2_000, 500]);
  expect(world.asked[4]).toBe("GET room T");
  expect(away).toContain(true);
});

test("a key of another day is told, and nothing is asked", async () => {
  const world = new Script(out);
  const control = new Control(world);
  await control.follow({ key: "K", token: "" });
  expect(world.asked).toHaveLength(1);
  expect(control.view.value.lost?.detail).toBe("the meeting is over");
});

test("what is refused is told until something is done", async () => {
  const world = new Script({ status: 404, body: { code: "meeting-not-found", detail: "no such" } }, { status: 200, body: {} });
  const control = new Control(world);
  expect(await control.join("attic")).toBe(false);
  expect(control.view.value.refusal?.code).toBe("meeting-not-found");
  expect(await control.mute({ microphone: true })).toBe(true);
  expect(control.view.value.refusal).toBeNull();
});
