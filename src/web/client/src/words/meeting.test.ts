/** What deltas make of the snapshot. */
import { describe, expect, it } from "vitest";
import { apply, begin, grade, hands, hear, includes, leftOut, maySend, me, others, presenter, trackState, worse, write, type Meeting, USUAL_RIGHTS } from "./meeting";
import type { Event, Participant } from "./wire";

const person = (id: string, fields: Partial<Participant> = {}): Participant => ({
  id, name: id, kind: "browser", role: "speaker", tracks: [], held: [], attributes: {}, present: true, ...fields,
});
const meeting = (...participants: Participant[]): Meeting =>
  begin({
    version: 1, you: "me", secret: "s", seq: 1, video_codec: "h264", participants,
    meeting: { name: "m", mode: "video", max_participants: 9, rights: USUAL_RIGHTS, locked: false, lobby: false, schedule: {}, attributes: {}, polls: [] },
  });
const after = (start: Meeting, ...events: Event[]) => events.reduce(apply, start);

describe("deltas", () => {
  it("bring participants, once each, and take them away", () => {
    const now = after(meeting(person("me")), { joined: { participant: person("a") } }, { joined: { participant: person("a", { name: "A" }) } });
    expect(others(now).map((one) => one.name)).toEqual(["A"]);
    const later = hear(now, { active: "a", heard: ["a", "me"] });
    const left = apply(later, { left: { participant: "a", reason: "timeout" } });
    expect(left).toMatchObject({ active: null, heard: ["me"], over: null });
    expect(others(left)).toEqual([]);
  });

  it("leave everybody at the best grade of whom nothing was told", () => {
    const now = grade(meeting(person("me"), person("a")), { participant: "a", up: 4, down: 2 });
    expect([worse(now.grades["a"]), worse(now.grades["me"])]).toEqual([2, 5]);
  });

  it("begin, mute and end tracks", () => {
    const track = (state: "on" | "muted" | "off"): Event => ({ track: { participant: "a", source: "camera", state } });
    const start = meeting(person("me"), person("a"));
    const state = (now: Meeting) => trackState(now.participants[1], "camera");
    expect(state(start)).toBe("off");
    expect(state(after(start, track("on")))).toBe("on");
    expect(state(after(start, track("on"), track("muted")))).toBe("muted");
    expect(state(after(start, track("on"), track("muted"), track("off")))).toBe("off");
  });

  it("change presence and role", () => {
    const now = after(
      meeting(person("me"), person("a")),
      { presence: { participant: "a", present: false } },
      { role: { participant: "me", role: "host" } },
    );
    expect(others(now)[0]?.present).toBe(false);
    expect(me(now)?.role).toBe("host");
  });

  it("end it for me when it ends for all, or when I am removed", () => {
    expect(apply(meeting(person("me")), { ended: {} }).over).toBe("ended");
    const kicked = apply(meeting(person("me")), { left: { participant: "me", reason: "kicked" } });
    expect(apply(kicked, { ended: {} }).over).toBe("kicked");
  });

  it("hold and release, rename, lock, and change rights", () => {
    const now = after(
      meeting(person("me"), person("a")),
      { held: { participant: "a", source: "camera", held: true } },
      { held: { participant: "a", source: "microphone", held: true } },
      { held: { participant: "a", source: "camera", held: false } },
      { renamed: { participant: "a", name: "Anna" } },
      { locked: { locked: true } },
      { rights: { rights: { ...USUAL_RIGHTS, share: "hosts" } } },
    );
    expect(others(now)[0]).toMatchObject({ held: ["microphone"], name: "Anna" });
    expect(now.info).toMatchObject({ locked: true, rights: { share: "hosts", chat: "everybody" } });
  });

  it("queue hands in the order in which they went up", () => {
    const up = (participant: string, hand?: number): Event => ({ hand: { participant, ...(hand === undefined ? {} : { hand }) } });
    const now = after(meeting(person("me"), person("a"), person("b")), up("b", 4), up("me", 5), up("a", 9), up("me"));
    expect(hands(now).map((one) => one.id)).toEqual(["b", "a"]);
  });

  it("that a later appliance adds change nothing", () => {
    const start = meeting(person("me"));
    expect(apply(start, { confetti: {} } as unknown as Event)).toBe(start);
  });
});

it("the presenter is the first other one with a screen that is on", () => {
  const tracks = [{ source: "screen" as const, muted: false }];
  expect(presenter(meeting(person("me", { tracks })))).toBeUndefined();
  expect(presenter(meeting(person("me"), person("a"), person("b", { tracks })))?.id).toBe("b");
});

it("an audience only listens", () => {
  expect(maySend("audience")).toBe(false);
  expect(maySend(undefined)).toBe(false);
  expect(maySend("speaker")).toBe(true);
});

describe("chat", () => {
  const message = (id: number) => ({ id, from: "a", name: "A", to: "all" as const, text: String(id), at_ms: 0 });

  it("shows each message once, though it may come twice", () => {
    const now = write(write(meeting(person("me")), [message(1), message(4)]), [message(4), message(6)]);
    expect(now.chat.map((one) => one.id)).toEqual([1, 4, 6]);
  });

  it("forgets the oldest", () => {
    const many = Array.from({ length: 1_100 }, (_, at) => message(at + 1));
    expect(write(meeting(person("me")), many).chat).toHaveLength(1_000);
  });
});

describe("rights", () => {
  it("include roles as they say, and the audience never sends", () => {
    const roles = ["host", "cohost", "speaker", "audience"] as const;
    expect(roles.map((role) => includes("hosts", role))).toEqual([true, true, false, false]);
    expect(roles.map((role) => includes("speakers", role))).toEqual([true, true, true, false]);
    expect(roles.map((role) => includes("everybody", role))).toEqual([true, true, true, true]);
  });
});

describe("meetings elsewhere", () => {
  it("are named where something of mine does not reach them", () => {
    const now = { ...meeting(person("me"), person("b", { name: "Birch", kind: "bridge" })), leftOut: { gone: ["camera"], b: ["camera", "microphone"] } } as Meeting;
    expect(leftOut(now)).toEqual({ what: "both", name: "Birch" });
    expect(leftOut({ ...now, leftOut: { b: ["screen_audio"] } })).toEqual({ what: "sound", name: "Birch" });
    expect(leftOut({ ...now, leftOut: { b: [] } })).toBeNull();
  });
});
