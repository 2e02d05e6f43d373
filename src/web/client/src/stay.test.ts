/** Loaded anew, opened again, another meeting: when a page goes straight back in. */
import { expect, test } from "vitest";
import { keep, take, type Stay } from "./stay";

const STAY: Stay = { meeting: "den", entered: ["Ann", "sesame", ""], microphoneOn: false, cameraOn: true };

function storage(): Storage {
  const items = new Map<string, string>();
  return {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  } as Storage;
}

test("a page that is loaded anew knows how it was in its meeting, once", () => {
  const tab = storage();
  keep(STAY, tab, 1_000);
  expect(take("den", tab, 3_000)).toEqual(STAY);
  expect(take("den", tab, 3_000)).toBeNull();
});

test("a tab that is opened again later, or at another meeting, does not walk in by itself", () => {
  const tab = storage();
  for (const [meeting, now] of [["den", 11_000], ["den", 500], ["attic", 2_000]] as const) {
    keep(STAY, tab, 1_000);
    expect(take(meeting, tab, now)).toBeNull();
  }
});
