/** What may be done with somebody: nothing that the role does not allow. */
import { expect, it } from "vitest";
import { begin, USUAL_RIGHTS, type Meeting } from "../words/meeting";
import type { Participant, Role } from "../words/wire";
import { actsFor } from "./hosting";

const person = (id: string, role: Role, fields: Partial<Participant> = {}): Participant => ({
  id, name: id, kind: "browser", role, tracks: [], held: [], attributes: {}, present: true, ...fields,
});
const seenBy = (role: Role, ...others: Participant[]): Meeting =>
  begin({
    version: 1, you: "me", secret: "s", seq: 1, video_codec: "h264", participants: [person("me", role), ...others],
    meeting: { name: "m", mode: "video", max_participants: 9, rights: USUAL_RIGHTS, locked: false, lobby: false, schedule: {}, attributes: {}, polls: [] },
  });
const acts = (meeting: Meeting, one: Participant) => actsFor(meeting, one, () => undefined, { write: () => undefined, rename: () => undefined }).map(({ id }) => id);

it("a speaker may write to others, has a name of their own choice, and does nothing else", () => {
  const bob = person("b", "speaker");
  const room = person("r", "speaker", { kind: "room" });
  const meeting = seenBy("speaker", bob, room);
  expect(acts(meeting, bob)).toEqual(["write"]);
  expect(acts(meeting, room)).toEqual([]);
  expect(acts(meeting, person("me", "speaker"))).toEqual(["rename"]);
  const strict = { ...meeting, info: { ...meeting.info, rights: { ...USUAL_RIGHTS, rename: "hosts" as const } } };
  expect(acts(strict, person("me", "speaker"))).toEqual([]);
});

it("a host mutes who is heard and asks who is not", () => {
  const heard = person("b", "speaker", { tracks: [{ source: "microphone", muted: false }] });
  const held = person("c", "speaker", { held: ["microphone"], hand: 3 });
  const meeting = seenBy("host", heard, held);
  expect(acts(meeting, heard)).toEqual(expect.arrayContaining(["mute", "hold", "make-cohost", "remove", "ban"]));
  expect(acts(meeting, heard)).not.toContain("ask");
  expect(acts(meeting, held)).toEqual(expect.arrayContaining(["lower", "release", "ask"]));
  expect(acts(meeting, held)).not.toContain("mute");
});

it("a cohost has no power over a host and makes none", () => {
  const host = person("h", "host");
  const meeting = seenBy("cohost", host, person("b", "speaker"));
  expect(acts(meeting, host)).toEqual(["write"]);
  expect(acts(meeting, person("b", "speaker"))).not.toContain("make-host");
});

it("the audience is not asked to send, and can be let speak", () => {
  const listener = person("l", "audience");
  const meeting = seenBy("host", listener);
  expect(acts(meeting, listener)).toContain("make-speaker");
  expect(acts(meeting, listener)).not.toContain("ask");
});
