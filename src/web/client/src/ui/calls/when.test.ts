/** Times as people say them. */
import { expect, it } from "vitest";
import { duration, when } from "./when";

it("a length of time has hours only where it needs them", () => {
  expect([0, 5_400, 125_000, 3_609_000].map(duration)).toEqual(["0:00", "0:05", "2:05", "1:00:09"]);
});

it("another day is told with the day", () => {
  const now = new Date(2026, 10, 22, 12).getTime();
  expect(when(new Date(2026, 10, 22, 9, 5).getTime(), now, ["fr", "en-GB"])).toBe("09:05");
  expect(when(new Date(2026, 10, 20, 9, 5).getTime(), now, ["en-GB"])).toBe("20 Nov, 09:05");
});
