/** Where pictures go. */
import { describe, expect, it } from "vitest";
import { begin, hear, USUAL_RIGHTS } from "../words/meeting";
import type { Participant } from "../words/wire";
import { bestGrid, hue, initials, onStage, showings, wishesFor } from "./layout";
import { pathFor, secureAddress } from "./outside";

const person = (id: string, fields: Partial<Participant> = {}): Participant => ({
  id, name: id, kind: "browser", role: "speaker", tracks: [], held: [], attributes: {}, present: true, ...fields,
});
const sharing = { tracks: [{ source: "screen" as const, muted: false }] };
const meeting = (...participants: Participant[]) =>
  begin({
    version: 1, you: "me", secret: "s", seq: 1, video_codec: "h264", participants: [person("me"), ...participants],
    meeting: { name: "m", mode: "video", max_participants: 9, rights: USUAL_RIGHTS, locked: false, lobby: false, schedule: {}, attributes: {}, polls: [] },
  });
const staged = (...given: Parameters<typeof onStage>) => {
  const showing = onStage(...given);
  return showing && `${showing.participant.id} ${showing.source}`;
};

describe("the grid", () => {
  it.each([
    [1, 1280, 720, 1],
    [2, 1280, 720, 2],
    [4, 1280, 720, 2],
    [5, 1280, 720, 3],
    [9, 1280, 720, 3],
    [10, 1280, 720, 4],
    [2, 390, 700, 1],
    [6, 390, 700, 2],
  ])("of %d in %d by %d has %d columns", (count, width, height, columns) => {
    expect(bestGrid(count, width, height, 10).columns).toBe(columns);
  });

  it("never overflows its space", () => {
    for (let count = 1; count <= 30; count++) {
      for (const [width, height] of [[320, 200], [390, 700], [1280, 640], [2500, 300]] as const) {
        const grid = bestGrid(count, width, height, 10);
        expect(grid.columns * grid.width + (grid.columns - 1) * 10).toBeLessThanOrEqual(width);
        expect(grid.rows * grid.height + (grid.rows - 1) * 10).toBeLessThanOrEqual(height + grid.rows);
      }
    }
  });
});

describe("the stage", () => {
  it("is empty while I am alone", () => {
    expect(staged(meeting(), null, null)).toBe(null);
  });

  it("shows who speaks, then stays with who spoke", () => {
    const speaking = hear(meeting(person("a"), person("b")), { active: "b", heard: ["b"] });
    expect(staged(speaking, null, null)).toBe("b camera");
    expect(staged(meeting(person("a"), person("b")), null, "b")).toBe("b camera");
    expect(staged(hear(speaking, { active: "me", heard: ["me"] }), null, "b")).toBe("b camera");
  });

  it("shows the room first while nobody has spoken", () => {
    expect(staged(meeting(person("a"), person("r", { kind: "room" })), null, null)).toBe("r camera");
  });

  it("prefers a shared screen to a speaker, and a pin to everything that is there", () => {
    const now = hear(meeting(person("a"), person("b", sharing)), { active: "a", heard: ["a"] });
    expect(staged(now, null, null)).toBe("b screen");
    expect(staged(now, { participant: "a", source: "camera" }, null)).toBe("a camera");
    expect(staged(now, { participant: "gone", source: "camera" }, null)).toBe("b screen");
    expect(staged(now, { participant: "a", source: "screen" }, null)).toBe("b screen");
  });
});

it("screens are shown before cameras", () => {
  const all = showings(meeting(person("a"), person("b", sharing)));
  expect(all.map((one) => `${one.participant.id} ${one.source}`)).toEqual(["b screen", "a camera", "b camera"]);
});

it("wishes go by rank, in steps of height, without what is not seen", () => {
  const seen = (participant: string, rank: number, height: number) => ({ participant, source: "camera" as const, rank, height });
  expect(wishesFor([seen("c", 2, 100), seen("a", 0, 700), seen("b", 1, 0), seen("d", 3, 9999)])).toEqual([
    { participant: "a", source: "camera", max_height: 720 },
    { participant: "c", source: "camera", max_height: 180 },
    { participant: "d", source: "camera", max_height: 2160 },
  ]);
});

it("a name has its letters and its colour", () => {
  expect(["Ada Lovelace", "robin", "", "  Élodie   du Pont ", "陈小明", "李雷", "👩‍🚀 Sam"].map(initials)).toEqual([
    "AL", "R", "", "ÉP", "小明", "李雷", "👩S",
  ]);
  expect(hue("Ada")).toBe(hue("Ada"));
});

it("a pasted link or a typed name leads to the meeting on this appliance", () => {
  expect(pathFor("weekly", "https://box:8443")).toBe("/m/weekly");
  expect(pathFor("https://other/m/weekly#t=x", "https://box:8443")).toBe("/m/weekly#t=x");
  expect(pathFor("/trust", "https://box:8443")).toBe(null);
  expect(pathFor("", "https://box:8443")).toBe(null);
});

it("the encrypted address goes with the plain one", () => {
  const place = { hostname: "box.local", pathname: "/m/a", hash: "#t=x" };
  expect(secureAddress({ ...place, port: "8080" })).toBe("https://box.local:8443/m/a#t=x");
  expect(secureAddress({ ...place, port: "" })).toBe("https://box.local/m/a#t=x");
});
