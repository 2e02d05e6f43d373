/** When a planned meeting is said to end. */
import { expect, it } from "vitest";
import { endsIn, when } from "./planned";

it("the end is told in the last ten minutes, in whole minutes", () => {
  expect(endsIn({}, 0)).toBeNull();
  expect(endsIn({ ends_at_ms: 601_000 }, 0)).toBeNull();
  expect(endsIn({ ends_at_ms: 600_000 }, 0)).toBe(10);
  expect(endsIn({ ends_at_ms: 61_000 }, 0)).toBe(2);
  expect(endsIn({ ends_at_ms: 0 }, 5_000)).toBe(1);
});

it("today needs no date, and another day has one", () => {
  const now = new Date(2026, 2, 1, 9, 0);
  expect(when(now.getTime(), now)).toMatch(/^0?9.00/);
  expect(when(new Date(2026, 2, 2, 9, 0).getTime(), now)).toContain("2");
});
