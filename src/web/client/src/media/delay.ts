/** How old a picture is when it is shown, and where that time went. Pure. */
import type { TrackDelay } from "../words/wire";

/** NTP counts from 1900, Unix time from 1970. */
const FROM_1900_TO_1970_MS = 2_208_988_800_000;

/**
 * Where a picture spent its time, in this order. `source` stands for `capture`, `encode` and `up` where the sender does
 * not tell them apart, `way` for `source` and `down` where the appliance does not know either.
 */
export const PARTS = ["capture", "encode", "up", "source", "down", "way", "buffer", "decode", "screen"] as const;
export type Part = (typeof PARTS)[number];

/** The age of the pictures of a track, as a mean. */
export interface Delay {
  /** From the capture to the screen, in milliseconds: the sum of the parts; null where that is not known. */
  readonly totalMs: number | null;
  /** What is known, in order. */
  readonly parts: readonly { readonly part: Part; readonly ms: number }[];
  /** Why there is no total: the sender does not stamp its pictures, or this browser does not tell. */
  readonly missing: "sender" | "browser" | null;
}

/** What a browser tells of who sends what it plays (RTCRtpSynchronizationSource), as far as it does. */
export interface CaptureSource {
  readonly rtpTimestamp: number;
  /** NTP time on the sender's clock, in milliseconds. */
  readonly captureTimestamp?: number;
  /** The sender's clock less the appliance's, in milliseconds. */
  readonly senderCaptureTimeOffset?: number;
}

/** One frame; times are `performance.now()`. */
export interface Frame {
  readonly shownMs: number;
  /** Its last packet was there; null where the browser does not tell. */
  readonly receivedMs: number | null;
  /** When it was captured, by the appliance's clock; null where that is not known. */
  readonly capturedMs: number | null;
}

/** When the frame with that RTP timestamp was captured, in Unix milliseconds of the appliance's clock. */
export function captured(source: CaptureSource | undefined, rtpTimestamp: number | undefined): number | null {
  if (source?.captureTimestamp === undefined || source.senderCaptureTimeOffset === undefined) return null;
  // The source may be at another frame already: 90 ticks are a millisecond, modulo 2^32.
  const aheadMs = rtpTimestamp === undefined ? 0 : ((rtpTimestamp - source.rtpTimestamp) | 0) / 90;
  if (Math.abs(aheadMs) > 1_000) return null;
  return source.captureTimestamp - FROM_1900_TO_1970_MS - source.senderCaptureTimeOffset + aheadMs;
}

/** What the appliance knows of the layer that is shown: the one whose height comes closest. */
export function layerOf(
  delays: readonly TrackDelay[], participant: string, source: string, height: number,
): TrackDelay | undefined {
  const ofTrack = delays.filter((one) => one.participant === participant && one.source === source);
  const far = (one: TrackDelay) => Math.abs(one.height - height);
  return ofTrack.reduce<TrackDelay | undefined>((best, one) => (best && far(best) <= far(one) ? best : one), undefined);
}

/** What the counters of the browser tell of a frame, as means in milliseconds. */
export interface Playing {
  readonly bufferMs: number | null;
  readonly decodeMs: number | null;
}

/**
 * The delay of some frames. `toPage` turns the appliance's clock into the page's; null while that is not known.
 */
export function split(
  frames: readonly Frame[], playing: Playing, before: TrackDelay | undefined, toPage: (atMs: number) => number | null,
): Delay {
  const mean = (of: (frame: Frame) => number | null) => meanOf(frames.map(of));
  const after = mean((frame) => (frame.receivedMs === null ? null : frame.shownMs - frame.receivedMs));
  const total = mean((frame) => {
    const at = frame.capturedMs === null ? null : toPage(frame.capturedMs);
    return at === null || frame.receivedMs === null ? null : frame.shownMs - at;
  });
  const there = before?.until_here_ms;
  // A clock that is wrong by more than the way takes tells nothing.
  const known = total !== null && after !== null && total >= after;
  const parts: { part: Part; ms: number }[] = [];
  if (known) parts.push(...untilReceived(total - after, before));
  else if (there !== undefined) parts.push(...source(there, before));
  if (after !== null) parts.push(...sinceReceived(after, playing));
  if (known) return { totalMs: total, parts, missing: null };
  return { totalMs: null, parts, missing: there === undefined ? "sender" : "browser" };
}

function untilReceived(ms: number, before: TrackDelay | undefined): { part: Part; ms: number }[] {
  const there = before?.until_here_ms;
  if (there === undefined) return [{ part: "way", ms }];
  // Means of different frames: the sum is what was measured here.
  const until = Math.min(there, ms);
  return [...source(until, before), { part: "down", ms: ms - until }];
}

/** From the capture until the picture was at the appliance. */
function source(ms: number, before: TrackDelay | undefined): { part: Part; ms: number }[] {
  if (before?.capture_ms === undefined || before.encode_ms === undefined) return [{ part: "source", ms }];
  const capture = Math.min(before.capture_ms, ms);
  const encode = Math.min(before.encode_ms, ms - capture);
  return [{ part: "capture", ms: capture }, { part: "encode", ms: encode }, { part: "up", ms: ms - capture - encode }];
}

function sinceReceived(ms: number, { bufferMs, decodeMs }: Playing): { part: Part; ms: number }[] {
  const decode = Math.min(decodeMs ?? 0, ms);
  const buffer = Math.min(bufferMs ?? 0, ms - decode);
  return [{ part: "buffer", ms: buffer }, { part: "decode", ms: decode }, { part: "screen", ms: ms - decode - buffer }];
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
