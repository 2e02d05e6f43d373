/** How a device rings is remembered on it. */
import { expect, test } from "vitest";
import { chooseRing, recallRing, ringChoice } from "./ring";

function storage(kept: string | null = null): Storage {
  let item = kept;
  return { getItem: () => item, setItem: (_: string, value: string) => void (item = value) } as unknown as Storage;
}

test("a device that nobody has asked otherwise rings loud and visibly", () => {
  recallRing(storage());
  expect(ringChoice.value).toEqual({ volume: 100, visual: true });
});

test("what is chosen lasts", () => {
  const device = storage();
  chooseRing({ volume: 0 }, device);
  chooseRing({ visual: false }, device);
  recallRing(storage());
  recallRing(device);
  expect(ringChoice.value).toEqual({ volume: 0, visual: false });
});

test("what cannot be read counts as not chosen", () => {
  for (const kept of ["{", "{}", '{"volume":"loud","visual":1}', "null"]) {
    recallRing(storage(kept));
    expect(ringChoice.value, kept).toEqual({ volume: 100, visual: true });
  }
  recallRing(storage('{"volume":900}'));
  expect(ringChoice.value.volume).toBe(100);
});
