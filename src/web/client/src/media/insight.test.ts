/** Figures are gathered while somebody looks, from frames, counters and what the appliance tells. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Insight, type Observed } from "./insight";
import type { Answer, Ask } from "../words/wire";

type Callback = (now: number, data: VideoFrameCallbackMetadata) => void;

/** A video element of which frames are shown by hand. */
class Screen {
  readonly videoWidth = 640;
  readonly videoHeight = 360;
  #waiting: Callback[] = [];

  requestVideoFrameCallback(callback: Callback): number {
    this.#waiting.push(callback);
    return this.#waiting.length;
  }

  show(data: Partial<VideoFrameCallbackMetadata>): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const callback of waiting) callback(0, data as VideoFrameCallbackMetadata);
  }

  get isWatched(): boolean {
    return this.#waiting.length > 0;
  }
}

const FROM_1900_MS = 2_208_988_800_000;
/** The appliance's clock is so far ahead of the page's. */
const AHEAD_MS = 1_700_000_000_000;

function observed() {
  const screen = new Screen();
  const asked: string[] = [];
  let decoded = 0;
  const capturedMs = AHEAD_MS + performance.now();
  const source = { rtpTimestamp: 9_000, captureTimestamp: capturedMs + FROM_1900_MS + 500, senderCaptureTimeOffset: 500 };
  const world: Observed = {
    slots: () => [{ mid: "7", kind: "video", element: screen as unknown as HTMLVideoElement, occupant: { participant: "p1", source: "camera" } }],
    sources: () => [source],
    stats: () => {
      decoded += 30;
      const entry = {
        type: "inbound-rtp", kind: "video", mid: "7", framesPerSecond: 30, framesDecoded: decoded,
        totalDecodeTime: decoded * 0.004, jitterBufferEmittedCount: decoded, jitterBufferDelay: decoded * 0.02,
      };
      return Promise.resolve(new Map([["a", entry]]) as unknown as RTCStatsReport);
    },
    ask: (ask: Ask) => {
      asked.push(Object.keys(ask)[0] ?? "");
      const tracks = [{ participant: "p1", source: "camera" as const, layer: 1, height: 360, until_here_ms: 30, capture_ms: 4, encode_ms: 6 }];
      const answer: Answer = "clock" in ask ? { clock: { at_ms: AHEAD_MS + performance.now() } } : { delays: { tracks } };
      return Promise.resolve(answer);
    },
  };
  return { world, screen, asked };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

it("a picture is told with every part of its age", async () => {
  const { world, screen } = observed();
  const insight = new Insight(world);
  insight.open();
  await vi.advanceTimersByTimeAsync(100);
  screen.show({ presentationTime: performance.now(), receiveTime: performance.now() - 60, rtpTimestamp: 9_000 });
  await vi.advanceTimersByTimeAsync(1_000);
  const [picture] = insight.pictures.value ?? [];
  expect(picture).toMatchObject({ width: 640, height: 360, framesPerSecond: 30, layer: 1 });
  expect(picture?.delay.totalMs).toBeCloseTo(100, 0);
  const parts = picture?.delay.parts.map(({ part, ms }) => [part, Math.round(ms)]);
  expect(parts).toEqual([["capture", 4], ["encode", 6], ["up", 20], ["down", 10], ["buffer", 20], ["decode", 4], ["screen", 36]]);
});

it("nothing is asked and no frame is looked at when nobody looks any more", async () => {
  const { world, screen, asked } = observed();
  const insight = new Insight(world);
  const [closeOne, closeOther] = [insight.open(), insight.open()];
  await vi.advanceTimersByTimeAsync(2_000);
  closeOne();
  closeOne();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(insight.pictures.value).not.toBeNull();
  closeOther();
  const before = asked.length;
  screen.show({ presentationTime: performance.now() });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.length).toBe(before);
  expect(screen.isWatched).toBe(false);
  expect(insight.pictures.value).toBeNull();
});

it("the clock is asked often at first, and seldom later", async () => {
  const { world, asked } = observed();
  new Insight(world).open();
  await vi.advanceTimersByTimeAsync(20_500);
  expect(asked.filter((one) => one === "delays").length).toBe(21);
  expect(asked.filter((one) => one === "clock").length).toBe(9);
});
