/** What is sent and what is told never disagree. */
import { beforeEach, expect, it } from "vitest";
import { OwnTracks, type Wanted } from "./own";
import { begin, USUAL_RIGHTS } from "./words/meeting";
import type { Mode, Role } from "./words/wire";

const meeting = (role: Role = "speaker", mode: Mode = "video") =>
  begin({
    version: 1, you: "me", secret: "s", seq: 1, video_codec: "h264", meeting: { name: "m", mode, max_participants: 9, rights: USUAL_RIGHTS, locked: false, lobby: false, schedule: {}, attributes: {}, polls: [] },
    participants: [{ id: "me", name: "me", kind: "browser", role, tracks: [], held: [], attributes: {}, present: true }],
  });
const track = (name: string) => ({ name }) as unknown as MediaStreamTrack;
const microphone = track("microphone");
const camera = track("camera");
const all: Wanted = {
  meeting: meeting(), microphone, microphoneOn: true, camera, cameraOn: true, screen: null, screenAudio: null,
};

let told: string[];
let sent: Map<string, MediaStreamTrack | null>;
let own: OwnTracks;
let refused: string[];
/** What every word is answered by. */
let answer: Promise<unknown>;
const publish = (fields: Partial<Wanted> = {}) => {
  told.length = 0;
  own.publish({ ...all, ...fields }, { send: async (source, one) => void sent.set(source, one) });
  return told;
};

beforeEach(() => {
  answer = Promise.resolve();
  told = [];
  sent = new Map();
  refused = [];
  own = new OwnTracks(
    (ask) => {
      if ("track" in ask) told.push(`${ask.track.source} ${ask.track.state}`);
      return answer;
    },
    (source) => refused.push(source),
  );
});

it("says each change once", () => {
  expect(publish()).toEqual(["microphone on", "camera on"]);
  expect(publish()).toEqual([]);
  expect(publish({ microphoneOn: false })).toEqual(["microphone muted"]);
  expect(sent.get("microphone")).toBe(null);
  expect(publish({ microphone: null })).toEqual(["microphone off"]);
});

it("a camera that was closed is muted, and one that never was is not there", () => {
  expect(publish({ camera: null, cameraOn: false })).toEqual(["microphone on"]);
  publish();
  expect(publish({ camera: null, cameraOn: false })).toEqual(["camera muted"]);
  expect(publish()).toEqual(["camera on"]);
});

it("a screen comes and goes with its sound", () => {
  publish();
  expect(publish({ screen: track("s"), screenAudio: track("a") })).toEqual(["screen on", "screen_audio on"]);
  expect(publish()).toEqual(["screen off", "screen_audio off"]);
});

it("an audience sends nothing, and an audio meeting no pictures", () => {
  expect(publish({ meeting: meeting("audience"), screen: track("s") })).toEqual([]);
  expect([...sent.values()]).toEqual([null, null, null, null]);
  expect(publish({ meeting: meeting("speaker", "audio"), screen: track("s") })).toEqual(["microphone on"]);
  expect(sent.get("camera")).toBe(null);
});

it("says everything anew after it has forgotten", () => {
  publish();
  own.forget();
  expect(publish()).toEqual(["microphone on", "camera on"]);
});

it("repeats where things stand now, also what ended meanwhile", () => {
  publish({ screen: track("s") });
  publish({ cameraOn: false, camera: null });
  told.length = 0;
  own.repeat();
  expect(told).toEqual(["microphone on", "camera muted", "screen off"]);
});

it("takes for a host's doing what is no echo of its own words", async () => {
  publish();
  expect(own.heard("microphone", "muted"), "an answer is on its way").toBe(false);
  await answer;
  expect(own.heard("microphone", "on"), "this is what was told").toBe(false);
  expect(own.heard("microphone", "muted")).toBe(true);
  expect(publish({ microphoneOn: false }), "it is known already").toEqual([]);
  expect(publish()).toEqual(["microphone on"]);
});

it("says so when something may not be switched on", async () => {
  answer = Promise.reject(new Error("held"));
  publish();
  await answer.catch(() => undefined);
  await Promise.resolve();
  expect(refused).toEqual(["microphone", "camera"]);
});
