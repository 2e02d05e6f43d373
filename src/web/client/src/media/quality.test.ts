/** What figures say about the network. */
import { describe, expect, it } from "vitest";
import { judge, reading } from "./quality";
import { loudness } from "./sound";

const report = (received: number, lost: number, rttS: number, lossOut = 0) => [
  { type: "inbound-rtp", packetsReceived: received, packetsLost: lost, bytesReceived: received * 1000 },
  { type: "outbound-rtp", bytesSent: received * 500, frameHeight: 720, active: true },
  { type: "outbound-rtp", bytesSent: 0, frameHeight: 1080, active: false },
  { type: "remote-inbound-rtp", fractionLost: lossOut },
  { type: "candidate-pair", nominated: true, currentRoundTripTime: rttS },
  { type: "candidate-pair", nominated: false, currentRoundTripTime: 9 },
];
const judged = (received: number, lost: number, rttS: number, lossOut = 0) =>
  judge(reading(report(1000, 10, rttS), 0), reading(report(1000 + received, 10 + lost, rttS, lossOut), 2000));

describe("the network", () => {
  it("is described over the last interval", () => {
    expect(judged(99, 1, 0.012)).toEqual({
      grade: "good", roundTripMs: 12, lossIn: 0.01, lossOut: 0, kbitsIn: 396, kbitsOut: 198, sentHeight: 720,
    });
  });

  it.each([
    [100, 0, 0.02, 0, "good"],
    [96, 4, 0.02, 0, "fair"],
    [100, 0, 0.3, 0, "fair"],
    [100, 0, 0.02, 0.05, "fair"],
    [80, 20, 0.02, 0, "poor"],
    [100, 0, 0.8, 0, "poor"],
  ])("with %d received, %d lost, %f s and %f lost of ours is %s", (received, lost, rttS, lossOut, grade) => {
    expect(judged(received, lost, rttS, lossOut).grade).toBe(grade);
  });

  it("is unknown while nothing was measured", () => {
    const empty = reading([], 0);
    expect(judge(empty, reading([], 2000))).toMatchObject({ grade: "unknown", lossIn: null, roundTripMs: null });
  });

  it("does not turn negative when counters begin anew", () => {
    expect(judge(reading(report(1000, 50, 0.01), 0), reading(report(10, 0, 0.01), 2000))).toMatchObject({ kbitsIn: 0, lossIn: null });
  });
});

it("the meter shows 60 dB", () => {
  expect(loudness(0)).toBe(0);
  expect(loudness(1)).toBe(1);
  expect(loudness(0.001)).toBeCloseTo(0);
  expect(loudness(0.0316)).toBeCloseTo(0.5, 2);
});
