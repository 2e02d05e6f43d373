/** Questions to who looks after the page: who is here, a change that waits for a word, an appliance that does not answer. */
import { beforeEach, expect, test, vi } from "vitest";
import { Admin, type Condition } from "./admin";
import { Api } from "./api";
import { Happenings, type Stream } from "./happenings";

type Answers = Readonly<Record<string, { status: number; body: unknown } | undefined>>;

const ann = { name: "Ann", role: "admin", may: ["watch", "configure"], room: "Den", csrf: "W" };
const out = { status: 401, body: { code: "not-permitted", detail: "" } };

function admin(answers: Answers): Admin {
  const ask = async (path: string, init: RequestInit) => {
    const answer = answers[`${init.method ?? "GET"} ${path.replace("/api/v1/", "")}`];
    if (!answer) throw new TypeError("Failed to fetch");
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  };
  const silent = { readyState: 2, addEventListener: () => undefined, close: () => undefined } as unknown as Stream;
  return new Admin(new Api(ask), new Happenings(() => silent));
}

function status(reason: string, generation = 3): { status: number; body: unknown } {
  const condition: Partial<Condition> = { type: "ConfigApplied", status: "True", reason };
  return { status: 200, body: { generation, conditions: [condition] } };
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  const kept = new Map<string, string>();
  Object.assign(globalThis, {
    document: { visibilityState: "visible", addEventListener: () => undefined },
    sessionStorage: { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) },
  });
});

test("who is signed in is in, who is not comes to the door, and a new appliance is claimed first", async () => {
  const inside = admin({ "GET sign-in": { status: 200, body: ann }, "GET status": status("Applied") });
  await inside.begin();
  expect([inside.view.value.stage, inside.api.csrf, inside.may("configure"), inside.may("own")]).toEqual(["in", "W", true, false]);
  for (const [claimed, stage] of [[true, "out"], [false, "unclaimed"]] as const) {
    const outside = admin({ "GET sign-in": out, "GET claim": { status: 200, body: { claimed } } });
    await outside.begin();
    expect(outside.view.value.stage).toBe(stage);
  }
});

test("a change that waits for a word counts down from when it was first seen, also after loading anew", async () => {
  const answers = { "GET sign-in": { status: 200, body: ann }, "GET status": status("Unconfirmed"), "GET config": { status: 200, body: { confirm_within_s: 60 } } };
  const first = admin(answers);
  await first.begin();
  await first.look();
  expect(first.view.value.unconfirmed).toEqual({ generation: 3, until: 1_800_000_060_000 });
  vi.setSystemTime(1_800_000_020_000);
  const again = admin(answers);
  await again.begin();
  await again.look();
  expect(again.view.value.unconfirmed?.until).toBe(1_800_000_060_000);
});

test("an appliance that does not answer is asked again, and who is out is out", async () => {
  const answers: Record<string, { status: number; body: unknown } | undefined> = { "GET sign-in": { status: 200, body: ann } };
  const one = admin(answers);
  await one.begin();
  await one.look();
  expect(one.view.value.away).toBe(true);
  answers["GET status"] = status("Applied");
  await vi.advanceTimersByTimeAsync(1_500);
  expect([one.view.value.away, one.view.value.status?.generation]).toEqual([false, 3]);
  answers["GET status"] = out;
  await vi.advanceTimersByTimeAsync(5_000);
  expect([one.view.value.stage, one.api.csrf]).toEqual(["out", ""]);
});

test("a page that nobody touches asks no longer", async () => {
  const one = admin({ "GET sign-in": { status: 200, body: ann }, "GET status": status("Applied") });
  await one.begin();
  expect(one.isSeen()).toBe(true);
  await vi.advanceTimersByTimeAsync(31 * 60_000);
  expect(one.isSeen()).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});
