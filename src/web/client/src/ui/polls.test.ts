/** What is asked in a poll, and who is asked to vote. */
import { expect, it } from "vitest";
import type { Meeting } from "../words/meeting";
import type { Poll, Question } from "../words/wire";
import { tidy, toVote, withBlank } from "./polls";

const question: Question = { text: " When? ", options: ["Monday ", "", " Tuesday"], multiple: false, anonymous: false, hidden: false };

it("there is always one more option to fill in, up to as many as are taken", () => {
  expect(withBlank(["a"])).toEqual(["a", ""]);
  expect(withBlank(["a", ""])).toEqual(["a", ""]);
  const full = Array.from({ length: 20 }, (_, at) => `${at}`);
  expect(withBlank(full)).toEqual(full);
});

it("empty options are not asked", () => {
  expect(tidy(question)).toMatchObject({ text: "When?", options: ["Monday", "Tuesday"] });
});

it("I am asked to vote in the latest open poll in which I have not", () => {
  const poll = (number: number, state: Poll["state"]): Poll => ({ poll: number, question, state, voters: 0 });
  const meeting = { polls: [poll(1, "open"), poll(2, "open"), poll(3, "closed")], votes: { 2: [0] } } as unknown as Meeting;
  expect(toVote(meeting)?.poll).toBe(1);
  expect(toVote({ ...meeting, votes: { 1: [0], 2: [0] } })).toBeUndefined();
});
