/** The small pictures show the latest at the right, and gaps as gaps. */
import { expect, it } from "vitest";
import { lines } from "./curve";

it("the latest value stands at the right, the highest at the top", () => {
  const [line] = lines([0, 50, 100], 10);
  const points = line?.split(" ") ?? [];
  expect(points.at(-1)).toBe("180.0,2.0");
  expect(points[0]?.endsWith(",31.0")).toBe(true);
});

it("little stays low", () => {
  expect(lines([1], 100)).toEqual(["180.0,30.7"]);
});

it("what was not measured is a gap", () => {
  expect(lines([1, null, 1, 1, null], 1).map((line) => line.split(" ").length)).toEqual([1, 2]);
  expect(lines([], 1)).toEqual([]);
});
