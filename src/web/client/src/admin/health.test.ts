/** Questions to the order of what is wrong. */
import { expect, test } from "vitest";
import type { Condition } from "./admin";
import { findings } from "./health";

const condition = (type: string, status: Condition["status"], reason = ""): Condition => ({ type, status, reason, message: "", since_unix_ms: 0 });

test("what is wrong comes first, then what nobody knows, and what sums up is left out", () => {
  const all = findings([
    condition("Ready", "True"), condition("TimeSynced", "Unknown"), condition("InMeeting", "False"), condition("CameraReady", "Unknown", "SwitchedOff"),
    condition("SpeakerReady", "False"), condition("ConfigApplied", "True", "Unconfirmed"), condition("Degraded", "True"),
  ]);
  expect(all.map(({ condition, mood }) => `${condition.type} ${mood}`)).toEqual([
    "SpeakerReady bad", "TimeSynced unsure", "ConfigApplied news", "InMeeting off", "CameraReady off", "Ready good",
  ]);
});
