/** The wire of calls against a made-up appliance: hello, answers, coming back, and the end for good. */
import { beforeEach, expect, it } from "vitest";
import type { Wire, World } from "../words/socket";
import { CallsWire, type CallsEar } from "./wire";

const welcome = { version: 1, you: "u2", device: "d9", users: [], calls: [], missed: 0, push_key: "" };

let said: string[] = [];
let wires: (Wire & { sent: any[] })[] = [];
let timers: { ms: number; then: () => void }[] = [];

const world: World = {
  open: () => {
    const made = { sent: [] as any[], send: (text: string) => made.sent.push(JSON.parse(text)), close: () => undefined } as any;
    wires.push(made);
    return made;
  },
  after: (ms, then) => {
    const timer = { ms, then };
    timers.push(timer);
    return () => {
      timers = timers.filter((one) => one !== timer);
    };
  },
  random: () => 0.5,
};

const ear: CallsEar = {
  welcome: (told) => said.push(`welcome ${told.you}`),
  tell: (tell) => said.push(Object.keys(tell)[0] ?? ""),
  away: () => said.push("away"),
  lost: (refusal) => said.push(`lost ${refusal.code}`),
};

const settle = () => new Promise((resolve) => setTimeout(resolve));
const last = () => wires.at(-1)!;
const hears = async (frame: object) => {
  last().onmessage?.({ data: JSON.stringify(frame) } as MessageEvent);
  await settle();
};
const fire = (ms: number) => timers.find((timer) => timer.ms === ms)!.then();

async function signedIn(): Promise<CallsWire> {
  const wire = new CallsWire(world, ear, { token: "t", device: "x" });
  wire.open();
  last().onopen?.({} as never);
  await hears({ re: last().sent[0].id, ok: { welcome } });
  return wire;
}

beforeEach(() => {
  [said, wires, timers] = [[], [], []];
});

it("says hello, and hands on what is told", async () => {
  await signedIn();
  expect(last().sent[0].do.hello).toEqual({ version: 1, token: "t", device: "x" });
  await hears({ tell: { missed: { count: 1 } } });
  expect(said).toEqual(["welcome u2", "missed"]);
});

it("answers and refusals find their requests", async () => {
  const wire = await signedIn();
  const one = wire.ask({ ring: { users: ["u3"], media: "audio" } });
  const other = expect(wire.ask({ accept: { call: "c1" } })).rejects.toMatchObject({ code: "peer-lost", detail: "over" });
  const [, first, second] = last().sent;
  await hears({ re: second.id, refused: { code: "peer-lost", detail: "over" } });
  await hears({ re: first.id, ok: { ringing: { call: "c5" } } });
  expect(await one).toEqual({ ringing: { call: "c5" } });
  await other;
});

it("comes back after a cut, later each time, and at once when told to hurry", async () => {
  const wire = await signedIn();
  const open = wire.ask({ accept: { call: "c1" } });
  last().onclose?.({ code: 1006, reason: "" } as CloseEvent);
  await expect(open).rejects.toMatchObject({ code: "peer-lost" });
  await expect(wire.ask({ seen_missed: {} })).rejects.toMatchObject({ code: "peer-lost" });
  expect(said).toEqual(["welcome u2", "away"]);
  fire(300);
  last().onclose?.({ code: 1006, reason: "" } as CloseEvent);
  expect(timers.map((timer) => timer.ms)).toEqual([1_000]);
  wire.hurry();
  last().onopen?.({} as never);
  await hears({ re: last().sent[0].id, ok: { welcome } });
  expect([said.at(-1), wires.length]).toEqual(["welcome u2", 3]);
});

it("an appliance that does not answer counts as cut", async () => {
  const wire = await signedIn();
  const open = wire.ask({ seen_missed: {} });
  fire(8_000);
  await expect(open).rejects.toMatchObject({ code: "peer-lost" });
  expect(said.at(-1)).toBe("away");
});

it("a token that is good no longer is the end, a busy appliance is not", async () => {
  for (const [code, end] of [["busy", "away"], ["not-permitted", "lost not-permitted"]] as const) {
    [said, wires, timers] = [[], [], []];
    new CallsWire(world, ear, { token: "t", device: "x" }).open();
    last().onopen?.({} as never);
    await hears({ re: last().sent[0].id, refused: { code, detail: "" } });
    expect([said[0], timers.length]).toEqual([end, end === "away" ? 1 : 0]);
  }
});
