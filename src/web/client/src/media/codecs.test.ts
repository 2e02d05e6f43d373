/** Which codecs are offered and picked. */
import { expect, it } from "vitest";
import { pick, trimmed } from "./codecs";

const codec = (mimeType: string, sdpFmtpLine?: string) => (sdpFmtpLine === undefined ? { mimeType } : { mimeType, sdpFmtpLine });
const baseline = codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
const high = codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f");
const single = codec("video/H264", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f");
const vp8 = codec("video/VP8");
const vp9 = codec("video/VP9", "profile-id=0");
const deep = codec("video/VP9", "profile-id=2");
const av1 = codec("video/AV1", "level-idx=5;profile=0;tier=0");
const rtx = codec("video/rtx");

it("an offer is trimmed to one kind of each codec and repair", () => {
  const all = [vp8, rtx, deep, av1, vp9, high, single, baseline, codec("video/AV1", "profile=1"), codec("video/red")];
  expect(trimmed(all, "video")).toEqual([baseline, vp8, vp9, av1, rtx]);
});

it("sound is Opus, behind copies of itself where the browser knows how", () => {
  const [opus, red] = [codec("audio/opus"), codec("audio/red")];
  expect(trimmed([opus, red, codec("audio/PCMU")], "audio")).toEqual([red, opus]);
  expect(trimmed([opus], "audio")).toEqual([opus]);
  expect(trimmed([red], "audio")).toEqual([]);
});

it("a browser without H.264 offers VP8; one with neither is left to its defaults", () => {
  expect(trimmed([vp8, rtx], "video")).toEqual([vp8, rtx]);
  expect(trimmed([codec("video/AV1"), rtx], "video")).toEqual([]);
});

it("the codec to send is picked by name and profile, never by place", () => {
  expect(pick([vp8, rtx, high, baseline], "h264")).toBe(baseline);
  expect(pick([high, vp8], "h264")).toBe(high);
  expect(pick([baseline, vp8], "vp8")).toBe(vp8);
  expect(pick([vp8], "h264")).toBeUndefined();
  expect(pick([deep, vp9, vp8], "vp9")).toBe(vp9);
  expect(pick([vp8, codec("video/VP9")], "vp9")?.mimeType).toBe("video/VP9");
  expect(pick([vp8, av1], "av1")).toBe(av1);
});
