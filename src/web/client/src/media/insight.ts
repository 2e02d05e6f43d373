/** The figures of the media path for people, gathered while somebody looks at them and not otherwise. */
import { Cell } from "../cell";
import type { Answer, Ask, SlotTrack, TrackDelay } from "../words/wire";
import { ApplianceClock } from "./clock";
import { captured, layerOf, split, type CaptureSource, type Delay, type Frame, type Playing } from "./delay";
import type { Slot } from "./slots";

/** How often the figures are told anew, in milliseconds. */
const EVERY_MS = 1_000;
/** Over how many milliseconds frames are averaged. */
const WINDOW_MS = 3_000;
/** The clock is asked every second at first, and then each time so many have passed. */
const CLOCK_EVERY = 5;

/** The figures of a picture that is shown. */
export interface Picture {
  readonly track: SlotTrack;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number | null;
  /** Which layer the appliance sends, 0 the smallest; null where it does not say. */
  readonly layer: number | null;
  readonly delay: Delay;
}

/** What the insight needs of the path and of the words. */
export interface Observed {
  slots(): readonly Slot<HTMLMediaElement>[];
  sources(mid: string): readonly CaptureSource[];
  stats(): Promise<RTCStatsReport>;
  ask(ask: Ask): Promise<Answer>;
}

/** The counters of a receiver that delays are made from. */
interface Counters {
  readonly bufferS: number;
  readonly emitted: number;
  readonly decodeS: number;
  readonly decoded: number;
  readonly framesPerSecond: number | null;
}

export class Insight {
  /** Null while nobody looks. */
  readonly pictures = new Cell<readonly Picture[] | null>(null);
  #clock = new ApplianceClock();
  #delays: readonly TrackDelay[] = [];
  readonly #frames = new Map<HTMLVideoElement, Frame[]>();
  #counters = new Map<string, Counters>();
  #lookers = 0;
  /** Counts the times that somebody began to look: frames awaited before that are nobody's. */
  #look = 0;
  #turns = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly observed: Observed) {}

  /** Begins to gather, until the returned function is called. */
  open(): () => void {
    this.#lookers += 1;
    if (this.#lookers === 1) {
      this.#turns = 0;
      this.#look += 1;
      this.#timer = setInterval(() => void this.#turn(), EVERY_MS);
      void this.#turn();
    }
    let isOpen = true;
    return () => {
      if (isOpen) this.#lookers -= 1;
      isOpen = false;
      if (this.#lookers === 0) this.#close();
    };
  }

  #close(): void {
    clearInterval(this.#timer);
    this.#frames.clear();
    this.#counters.clear();
    this.#clock = new ApplianceClock();
    this.#delays = [];
    this.pictures.set(null);
  }

  async #turn(): Promise<void> {
    const shown = this.observed.slots().filter(({ kind, occupant }) => kind === "video" && occupant);
    for (const { mid, element } of shown) this.#follow(mid, element as HTMLVideoElement);
    if (this.#turns < CLOCK_EVERY || this.#turns % CLOCK_EVERY === 0) void this.#askClock();
    this.#turns += 1;
    const [report] = await Promise.all([this.observed.stats(), this.#askDelays()]);
    if (this.#lookers === 0) return;
    const counters = countersOf(report);
    this.pictures.set(shown.flatMap((slot) => this.#picture(slot, counters) ?? []));
    this.#counters = counters;
  }

  /** Notes each frame of an element as long as somebody looks. */
  #follow(mid: string, element: HTMLVideoElement): void {
    if (this.#frames.has(element) || !element.requestVideoFrameCallback) return;
    this.#frames.set(element, []);
    const begun = this.#look;
    const look = (_: number, data: VideoFrameCallbackMetadata) => {
      const frames = this.#frames.get(element);
      if (!frames || begun !== this.#look) return;
      const [source] = this.observed.sources(mid);
      const frame = {
        shownMs: data.presentationTime,
        receivedMs: data.receiveTime ?? null,
        capturedMs: captured(source, data.rtpTimestamp),
      };
      this.#frames.set(element, [...frames.filter(({ shownMs }) => frame.shownMs - shownMs < WINDOW_MS), frame]);
      element.requestVideoFrameCallback(look);
    };
    element.requestVideoFrameCallback(look);
  }

  async #askClock(): Promise<void> {
    const asked = performance.now();
    const answer = await this.observed.ask({ clock: {} }).catch(() => null);
    if (answer && "clock" in answer) this.#clock.take(asked, performance.now(), answer.clock.at_ms);
  }

  async #askDelays(): Promise<void> {
    const answer = await this.observed.ask({ delays: {} }).catch(() => null);
    if (answer && "delays" in answer) this.#delays = answer.delays.tracks;
  }

  #picture(slot: Slot<HTMLMediaElement>, counters: ReadonlyMap<string, Counters>): Picture | null {
    const { mid, occupant } = slot;
    const element = slot.element as HTMLVideoElement;
    if (!occupant || element.videoWidth === 0) return null;
    const { videoWidth: width, videoHeight: height } = element;
    const frames = (this.#frames.get(element) ?? []).filter(({ shownMs }) => performance.now() - shownMs < WINDOW_MS);
    const before = layerOf(this.#delays, occupant.participant, occupant.source, height);
    const now = counters.get(mid);
    const playing = played(this.#counters.get(mid), now);
    const delay = split(frames, playing, before, (atMs) => this.#clock.onPage(atMs));
    return {
      track: occupant, width, height, delay,
      framesPerSecond: now?.framesPerSecond ?? null,
      layer: before?.layer ?? null,
    };
  }
}

/** What receivers have counted, by the `mid` of their slots. */
function countersOf(report: RTCStatsReport): Map<string, Counters> {
  const counters = new Map<string, Counters>();
  for (const entry of report.values()) {
    if (entry.type !== "inbound-rtp" || entry.kind !== "video" || typeof entry.mid !== "string") continue;
    counters.set(entry.mid, {
      bufferS: entry.jitterBufferDelay ?? 0,
      emitted: entry.jitterBufferEmittedCount ?? 0,
      decodeS: entry.totalDecodeTime ?? 0,
      decoded: entry.framesDecoded ?? 0,
      framesPerSecond: entry.framesPerSecond ?? null,
    });
  }
  return counters;
}

/** The means between two readings. */
function played(before: Counters | undefined, now: Counters | undefined): Playing {
  const mean = (seconds: number, count: number) => (count > 0 ? (seconds * 1_000) / count : null);
  if (!before || !now) return { bufferMs: null, decodeMs: null };
  return {
    bufferMs: mean(now.bufferS - before.bufferS, now.emitted - before.emitted),
    decodeMs: mean(now.decodeS - before.decodeS, now.decoded - before.decoded),
  };
}
