/** Names change with the very frame. */
import { beforeEach, describe, expect, it } from "vitest";
import { CUT_MS_MAX, Slots } from "./slots";

type Callback = (now: number, data: { rtpTimestamp?: number }) => void;

/** A video element whose frames come when the test says so. */
class FakeVideo {
  #callbacks = new Map<number, Callback>();
  #next = 1;
  requestVideoFrameCallback(callback: Callback): number {
    this.#callbacks.set(this.#next, callback);
    return this.#next++;
  }
  cancelVideoFrameCallback(id: number): void {
    this.#callbacks.delete(id);
  }
  frame(rtpTimestamp?: number): void {
    const callbacks = [...this.#callbacks.values()];
    this.#callbacks.clear();
    for (const callback of callbacks) callback(0, rtpTimestamp === undefined ? {} : { rtpTimestamp });
  }
  get waiting(): number {
    return this.#callbacks.size;
  }
}

let timers: { ms: number; then: () => void }[];
let slots: Slots<object>;
let video: FakeVideo;

beforeEach(() => {
  timers = [];
  slots = new Slots<object>((ms, then) => {
    const timer = { ms, then };
    timers.push(timer);
    return () => {
      timers = timers.filter((other) => other !== timer);
    };
  });
  video = new FakeVideo();
  slots.add("7", "video", video);
});

const word = (mid: string, participant: string | null, rtp_timestamp: number) =>
  participant === null ? { mid, rtp_timestamp } : { mid, rtp_timestamp, track: { participant, source: "camera" as const } };
const shown = (mid = "7") => slots.now.value.find((slot) => slot.mid === mid)?.occupant?.participant ?? null;

describe("a word about a slot", () => {
  it("applies at the frame it speaks of, not before", () => {
    slots.take(word("7", "a", 3000));
    video.frame(2999);
    expect(shown()).toBe(null);
    video.frame(3000);
    expect(shown()).toBe("a");
    expect(timers).toHaveLength(0);
  });

  it("compares timestamps modulo 2^32", () => {
    slots.take(word("7", "a", 50));
    video.frame(0xffff_fff0);
    expect(shown()).toBe(null);
    video.frame(60);
    expect(shown()).toBe("a");
  });

  it("replaces one that still waits for its frame", () => {
    slots.take(word("7", "a", 100));
    slots.take(word("7", "b", 200));
    expect(video.waiting).toBe(1);
    video.frame(150);
    expect(shown()).toBe(null);
    video.frame(200);
    expect(shown()).toBe("b");
  });

  it("keeps the former name until the cut, and goes without a frame after a while", () => {
    slots.take(word("7", "a", 100));
    video.frame(100);
    slots.take(word("7", "b", 900));
    video.frame(800);
    expect(shown()).toBe("a");
    expect(timers.map((timer) => timer.ms)).toEqual([CUT_MS_MAX]);
    timers[0]?.then();
    expect(shown()).toBe("b");
    expect(video.waiting).toBe(0);
  });

  it("empties at once, and calls off what waited", () => {
    slots.take(word("7", "a", 100));
    slots.take(word("7", null, 0));
    video.frame(100);
    expect(shown()).toBe(null);
    expect(timers).toHaveLength(0);
  });

  it("applies at once where frames are not reported, or carry no timestamp", () => {
    slots.add("8", "video", {});
    slots.take(word("8", "a", 100));
    expect(shown("8")).toBe("a");
    slots.take(word("7", "b", 100));
    video.frame();
    expect(shown()).toBe("b");
  });

  it("that comes before the slot is kept for it", () => {
    slots.take(word("9", "a", 100));
    slots.add("9", "audio", {});
    expect(shown("9")).toBe("a");
  });
});

it("a track that moves to another slot is found there only", () => {
  const other = new FakeVideo();
  slots.add("8", "video", other);
  slots.take(word("7", "a", 1));
  video.frame(1);
  slots.take(word("8", "a", 1));
  other.frame(1);
  expect(slots.find("a", "camera")?.mid).toBe("8");
  expect(shown("7")).toBe(null);
});

it("clearing forgets the slots and what waited", () => {
  slots.take(word("7", "a", 1));
  slots.clear();
  expect(slots.now.value).toEqual([]);
  expect(timers).toHaveLength(0);
});
