/** How good the way to the appliance is: figures from two `getStats` reports, and one word for people. Pure. */

/** One word for the way to the appliance. */
export type Grade = "unknown" | "good" | "fair" | "poor";

/** The figures behind the word, over the last interval. */
export interface Quality {
  readonly grade: Grade;
  /** There and back, in milliseconds; null until it was measured. */
  readonly roundTripMs: number | null;
  /** Packets lost on the way to us, 0 to 1; null until something was received. */
  readonly lossIn: number | null;
  /** Packets of ours that the appliance missed, 0 to 1; null until it has reported. */
  readonly lossOut: number | null;
  readonly kbitsIn: number;
  readonly kbitsOut: number;
  /** The height of the largest camera layer that is sent, in pixels; 0 when none is. */
  readonly sentHeight: number;
}

/** The counters that are taken from one report. */
export interface Reading {
  readonly atMs: number;
  readonly received: number;
  readonly lost: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly roundTripMs: number | null;
  readonly lossOut: number | null;
  readonly sentHeight: number;
}

/** What is used of the entries of a report. */
type Entry = Record<string, unknown> & { type: string };

/** The counters of a report. */
export function reading(report: Iterable<Entry>, atMs: number): Reading {
  let received = 0, lost = 0, bytesIn = 0, bytesOut = 0, sentHeight = 0;
  let roundTripMs: number | null = null, lossOut: number | null = null;
  for (const entry of report) {
    if (entry.type === "inbound-rtp") {
      received += number(entry["packetsReceived"]);
      lost += number(entry["packetsLost"]);
      bytesIn += number(entry["bytesReceived"]);
    } else if (entry.type === "outbound-rtp") {
      bytesOut += number(entry["bytesSent"]);
      if (entry["active"] !== false) sentHeight = Math.max(sentHeight, number(entry["frameHeight"]));
    } else if (entry.type === "remote-inbound-rtp") {
      lossOut = Math.max(lossOut ?? 0, number(entry["fractionLost"]));
    } else if (entry.type === "candidate-pair" && entry["nominated"] === true && "currentRoundTripTime" in entry) {
      roundTripMs = number(entry["currentRoundTripTime"]) * 1000;
    }
  }
  return { atMs, received, lost, bytesIn, bytesOut, roundTripMs, lossOut, sentHeight };
}

/** What two readings say about the time between them. */
export function judge(before: Reading, now: Reading): Quality {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000);
  const received = Math.max(0, now.received - before.received);
  const lost = Math.max(0, now.lost - before.lost);
  const lossIn = received + lost > 0 ? lost / (received + lost) : null;
  return {
    grade: grade(now.roundTripMs, Math.max(lossIn ?? 0, now.lossOut ?? 0)),
    roundTripMs: now.roundTripMs,
    lossIn,
    lossOut: now.lossOut,
    kbitsIn: Math.max(0, now.bytesIn - before.bytesIn) / 125 / seconds,
    kbitsOut: Math.max(0, now.bytesOut - before.bytesOut) / 125 / seconds,
    sentHeight: now.sentHeight,
  };
}

/** People begin to notice 2 % of loss or 250 ms; talking gets hard from 8 % or half a second on. */
function grade(roundTripMs: number | null, loss: number): Grade {
  if (roundTripMs === null) return "unknown";
  if (loss > 0.08 || roundTripMs > 500) return "poor";
  if (loss > 0.02 || roundTripMs > 250) return "fair";
  return "good";
}

function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
