/** How many pictures of which size are sent. */
import { expect, it } from "vitest";
import { cameraSettings } from "./encodings";

const sent = (...how: Parameters<typeof cameraSettings>) =>
  cameraSettings(...how).filter(({ active }) => active).map((one) => [one.scalabilityMode, one.scaleResolutionDownBy]);

it("of H.264 and VP8 each size is a flow, from the smallest on", () => {
  expect(sent("h264", 3, 720)).toEqual([["L1T3", 4], ["L1T3", 2], ["L1T3", 1]]);
  expect(sent("vp8", 1, 720)).toEqual([["L1T3", 4]]);
  expect(sent("vp8", 0, 720)).toEqual([]);
});

it("of VP9 and AV1 all sizes share a flow, and those that nobody watches are not made", () => {
  expect(sent("vp9", 3, 720)).toEqual([["L3T3", 1]]);
  expect(sent("vp9", 2, 720)).toEqual([["L2T3", 2]]);
  expect(sent("av1", 1, 720)).toEqual([["L1T3", 4]]);
  expect(sent("av1", 0, 720)).toEqual([]);
  expect(sent("av1", 3, 0)).toEqual([["L3T3", 1]]);
});

it("a small camera has fewer sizes", () => {
  expect(sent("vp9", 3, 360)).toEqual([["L2T3", 1]]);
  expect(sent("vp9", 2, 360)).toEqual([["L2T3", 1]]);
  expect(sent("vp9", 1, 360)).toEqual([["L1T3", 2]]);
  expect(sent("vp9", 3, 180)).toEqual([["L1T3", 1]]);
});

it("fewer sizes are held to fewer bits", () => {
  const rate = (watched: number, shortSide: number) => cameraSettings("vp9", watched, shortSide)[0]!.maxBitrate;
  expect([rate(3, 720), rate(2, 720), rate(1, 720)]).toEqual([2_500_000, 700_000, 160_000]);
  expect([rate(3, 360), rate(1, 360)]).toEqual([700_000, 160_000]);
});
