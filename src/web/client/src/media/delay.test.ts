/** The parts of a delay add up to it, and what is not known is said to be so. */
import { describe, expect, it } from "vitest";
import { captured, layerOf, split, type Delay, type Frame } from "./delay";
import type { TrackDelay } from "../words/wire";

const known: TrackDelay = {
  participant: "p1", source: "camera", layer: 1, height: 360, until_here_ms: 60, capture_ms: 5, encode_ms: 15,
};
/** Shown 120 ms after its capture, received after 80; the appliance's clock is 1000 ms ahead of the page's. */
const frame: Frame = { shownMs: 5_120, receivedMs: 5_080, capturedMs: 6_000 };
const toPage = (atMs: number) => atMs - 1_000;
const playing = { bufferMs: 20, decodeMs: 4 };
const parts = (delay: Delay) => Object.fromEntries(delay.parts.map(({ part, ms }) => [part, ms]));
const sum = (delay: Delay) => delay.parts.reduce((all, { ms }) => all + ms, 0);

describe("split", () => {
  it("tells every part where sender, appliance and browser tell theirs", () => {
    const delay = split([frame], playing, known, toPage);
    expect(delay.totalMs).toBe(120);
    expect(parts(delay)).toEqual({ capture: 5, encode: 15, up: 40, down: 20, buffer: 20, decode: 4, screen: 16 });
  });

  it("puts together what the sender does not tell apart", () => {
    const { encode_ms: _, ...silent } = known;
    const delay = split([frame], playing, silent, toPage);
    expect(parts(delay)).toEqual({ source: 60, down: 20, buffer: 20, decode: 4, screen: 16 });
    expect(parts(split([frame], playing, undefined, toPage))).toEqual({ way: 80, buffer: 20, decode: 4, screen: 16 });
  });

  it("always adds up, whatever the means of other frames say", () => {
    for (const until_here_ms of [0, 3, 80, 500]) {
      for (const bufferMs of [null, 0, 39, 400]) {
        const delay = split([frame], { bufferMs, decodeMs: 3 }, { ...known, until_here_ms }, toPage);
        expect(sum(delay)).toBeCloseTo(120, 9);
        expect(delay.parts.every(({ ms }) => ms >= 0)).toBe(true);
      }
    }
  });

  it("has no total without a stamp, a receive time or a clock, and says whose that is", () => {
    const unstamped = { ...frame, capturedMs: null };
    expect(split([unstamped], playing, undefined, toPage)).toMatchObject({ totalMs: null, missing: "sender" });
    expect(split([unstamped], playing, known, toPage)).toMatchObject({ totalMs: null, missing: "browser" });
    expect(parts(split([unstamped], playing, known, toPage))).toMatchObject({ up: 40, buffer: 20 });
    expect(split([frame], playing, known, () => null).totalMs).toBeNull();
    expect(split([], playing, known, toPage).totalMs).toBeNull();
  });

  it("does not believe a clock by which a picture was received before its capture", () => {
    expect(split([frame], playing, known, (atMs) => atMs).totalMs).toBeNull();
  });
});

it("a capture is told in the appliance's time, also of a frame beside the one that was stamped", () => {
  const source = { rtpTimestamp: 9_000, captureTimestamp: 2_208_988_800_000 + 70_000, senderCaptureTimeOffset: 20_000 };
  expect(captured(source, 9_000)).toBe(50_000);
  expect(captured(source, 9_000 - 2_970)).toBe(50_000 - 33);
  expect(captured({ ...source, rtpTimestamp: 0xffff_ffff }, 89)).toBe(50_001);
  expect(captured(source, 9_000 + 180_000), "another feed").toBeNull();
  expect(captured({ rtpTimestamp: 9_000, captureTimestamp: 1 }, 9_000), "the clock is not known").toBeNull();
  expect(captured(undefined, 9_000)).toBeNull();
});

it("the layer that is shown is the one of its height", () => {
  const layers = [180, 360, 720].map((height, layer) => ({ ...known, height, layer }));
  expect(layerOf(layers, "p1", "camera", 360)?.layer).toBe(1);
  expect(layerOf(layers, "p1", "camera", 540)?.layer).toBe(1);
  expect(layerOf(layers, "p1", "screen", 360)).toBeUndefined();
});
