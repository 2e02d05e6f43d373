/** The quickest answer tells the clock, and old answers are forgotten. */
import { expect, it } from "vitest";
import { ApplianceClock } from "./clock";

it("nothing is known before the clock was asked", () => {
  const clock = new ApplianceClock();
  expect(clock.onPage(1_000)).toBeNull();
  expect(clock.errorMs).toBeNull();
});

it("the answer that took the shortest time is believed", () => {
  const clock = new ApplianceClock();
  // The appliance is 5000 ms ahead; one answer was held up on the way back.
  clock.take(100, 400, 5_110);
  clock.take(500, 520, 5_510);
  clock.take(900, 1_000, 5_990);
  expect(clock.onPage(6_000)).toBe(1_000);
  expect(clock.errorMs).toBe(10);
});

it("an answer of a minute ago counts no more, so that a clock that drifts is followed", () => {
  const clock = new ApplianceClock();
  clock.take(0, 2, 5_001);
  clock.take(61_000, 61_050, 66_035);
  expect(clock.onPage(66_035)).toBe(61_025);
});
