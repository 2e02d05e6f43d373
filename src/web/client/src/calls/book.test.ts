/** What is told changes the book, and what rings, calls or was missed is found in it. */
import { expect, it } from "vitest";
import type { CallRecord, CallState, LegState, Welcome } from "../words/calling";
import { calling, elsewhere, hear, isMissed, open, partners, remember, ringing } from "./book";

const welcome: Welcome = {
  version: 1, you: "u2", device: "d9", calls: [], missed: 0, push_key: "",
  users: [
    { id: "u3", name: "Ben", kind: "person", presence: "offline" },
    { id: "u2", name: "Ann", kind: "person", presence: "online" },
    { id: "u1", name: "Zelkova", kind: "room", presence: "online" },
  ],
};

const call = (caller: string, legs: Record<string, LegState | [LegState, string]>, end?: CallState["end"]): CallState => ({
  id: "c1", caller, media: "video", began_ms: 0, ...(end ? { end } : {}),
  legs: Object.entries(legs).map(([user, leg]) =>
    typeof leg === "string" ? { user, state: leg } : { user, state: leg[0], device: leg[1] }),
});

const record = (number: number, state: LegState): CallRecord => ({
  number, media: "audio", began_ms: 0, ended_ms: 0, talked_ms: 0, end: "no_answer",
  caller: { user: "u3", name: "Ben", state: "left" }, callees: [{ user: "u2", name: "Ann", state }],
});

it("rooms stand before people, people by their names", () => {
  expect(open(welcome, null).users.map((user) => user.name)).toEqual(["Zelkova", "Ann", "Ben"]);
});

it("somebody comes, changes and goes", () => {
  let book = hear(open(welcome, null), { user: { user: { id: "u4", name: "Aaron", kind: "person", presence: "online" } } });
  expect(book.users.map((user) => user.name)).toEqual(["Zelkova", "Aaron", "Ann", "Ben"]);
  book = hear(book, { user: { user: { id: "u3", name: "Ben", kind: "person", presence: "busy" } } });
  expect(book.users.find((user) => user.id === "u3")?.presence).toBe("busy");
  expect(hear(book, { user_gone: { user: "u4" } }).users).toHaveLength(3);
});

it("what rings me is found until it is over", () => {
  const book = hear(open(welcome, null), { call: { call: call("u3", { u3: "calling", u2: "ringing" }) } });
  expect(ringing(book)?.id).toBe("c1");
  expect(partners(book, book.calls[0]!)).toEqual(["Ben"]);
  const later = hear(book, { call: { call: call("u3", { u3: "left", u2: "cancelled" }, "cancelled") } });
  expect([ringing(later), later.calls]).toEqual([undefined, []]);
});

it("a call of mine is this device's, or goes on elsewhere", () => {
  const here = hear(open(welcome, null), { call: { call: call("u2", { u2: ["calling", "d9"], u3: "ringing" }) } });
  expect([calling(here)?.id, elsewhere(here)?.id]).toEqual(["c1", undefined]);
  const there = hear(open(welcome, null), { call: { call: call("u2", { u2: ["in", "d8"], u3: "in" }) } });
  expect([calling(there)?.id, elsewhere(there)?.id]).toEqual([undefined, "c1"]);
});

it("records are kept once, the last ones first", () => {
  const book = remember(remember(open(welcome, null), [record(2, "no_answer"), record(1, "left")]), [record(3, "declined"), record(2, "no_answer")]);
  expect(book.records.map((one) => one.number)).toEqual([3, 2, 1]);
  expect(book.records.map((one) => isMissed(book, one))).toEqual([false, true, false]);
});
