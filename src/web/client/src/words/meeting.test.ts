/** What deltas make of the snapshot. */
import { describe, expect, it } from "vitest";
import { apply, begin, grade, hear, maySend, me, others, presenter, trackState, worse, type Meeting } from "./meeting";
import type { Event, Participant } from "./wire";

const person = (id: string, fields: Partial<Participant> = {}): Participant => ({
  id, name: id, kind: "browser", role: "speaker", tracks: [], present: true, ...fields,
});
const meeting = (...participants: Participant[]): Meeting =>
  begin({
    version: 1, you: "me", secret: "s", seq: 1, video_codec: "h264", participants,
    meeting: { name: "m", mode: "video", max_participants: 9 },
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
