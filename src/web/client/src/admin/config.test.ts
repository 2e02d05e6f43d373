/** Questions to the form of the configuration: what is a draft, what becomes of it when somebody else is faster. */
import { expect, test } from "vitest";
import {
  conflicts, drafted, fieldsOf, fitting, matches, movesTo, patchOf, steps, typed, type Drafts, type KeyInfo, type Revision, type Schema,
} from "./config";

const key = (key: string, value: unknown, more: Partial<KeyInfo> = {}): KeyInfo =>
  ({ key, value, is_set: value !== undefined, layer: "factory", editable: true, meaning: "", range: "", applies: "live", ...more });
const name = key("room.name", "Den");
const most = key("meetings.max_participants", 50);
const none: Drafts = new Map();

test("a key has the field that its schema asks for", () => {
  const schema: Schema = { properties: {
    room: { properties: { name: { type: "string" }, camera: { type: "string" }, show_chat: { type: "boolean" } } },
    meetings: { properties: { max_participants: { type: "integer" }, codec: { type: "string", enum: ["auto"] } } },
    turn: { properties: { password: { type: "string", writeOnly: true } } },
    tls: { properties: { names: { type: "array" } } },
  } };
  const keys = ["room.name", "room.camera", "room.show_chat", "meetings.max_participants", "meetings.codec", "turn.password", "tls.names", "new.thing"];
  const kinds = fieldsOf(keys.map((one) => key(one, null)), schema).map(({ kind }) => kind);
  expect(kinds).toEqual(["text", "device", "switch", "number", "choice", "secret", "list", "text"]);
});

test("what is typed becomes a value of its kind", () => {
  expect(typed("number", "7")).toBe(7);
  expect(typed("list", " a.example,b.example\n\n")).toEqual(["a.example", "b.example"]);
  expect([typed("text", " "), typed("number", ""), typed("secret", "")]).toEqual([null, null, null]);
  expect(typed("secret", " blank ")).toBe(" blank ");
});

test("a draft is what says something new, and is none when it is undone", () => {
  let drafts = drafted(none, most, 7);
  expect(patchOf(drafted(drafts, name, "Attic"))).toEqual({ meetings: { max_participants: 7 }, room: { name: "Attic" } });
  drafts = drafted(drafts, most, 50);
  expect(drafts.size).toBe(0);
  expect(drafted(none, most, null).size, "there is nothing of ours to take back").toBe(0);
  expect(patchOf(drafted(none, { ...most, layer: "local" }, null))).toEqual({ meetings: { max_participants: null } });
});

test("who was faster elsewhere disturbs nobody, and who was faster at the same key is told", () => {
  const drafts = drafted(drafted(none, most, 7), name, "Attic");
  const now = [key("room.name", "Cellar", { author: "Bob", at_unix_ms: 2 }), most, key("calls.ring_volume", 3, { at_unix_ms: 2 })];
  const before = [name, most, key("calls.ring_volume", 70)];
  expect(conflicts(before, now, drafts)).toEqual([{ key: "room.name", theirs: "Cellar", ours: "Attic", author: "Bob" }]);
  expect(conflicts(before, [key("room.name", "Attic", { at_unix_ms: 2 }), most], drafts), "they want the same").toEqual([]);
  expect([...fitting(drafts, [key("room.name", "Attic"), { ...most, editable: false }])], "done, and locked").toEqual([]);
});

test("every word of a search is found somewhere", () => {
  const [field] = fieldsOf([{ ...most, meaning: "Limits meetings." }], { properties: {} });
  expect(field && matches(field, "Most participants", "most LIMITS")).toBe(true);
  expect(field && matches(field, "Most participants", "camera")).toBe(false);
  expect(field && matches(field, "", "")).toBe(true);
});

test("a revision is told by what it says otherwise than the one before it", () => {
  const revision = (local: unknown, provisioned: unknown = {}): Revision => ({ revision: 1, at_unix_ms: 0, author: "", provisioned, local });
  const [one, two] = [revision({ room: { name: "A" } }), revision({ room: { name: "B" } }, { locked: ["room"] })];
  expect(steps(one, undefined)).toEqual([{ key: "room.name", before: undefined, after: "A" }]);
  expect(steps(two, one)).toEqual([{ key: "locked", before: undefined, after: ["room"] }, { key: "room.name", before: "A", after: "B" }]);
});

test("another address or port of the box is another one of the page", () => {
  const change = (key: string, after: unknown) => ({ key, before: undefined, after, applies: "live" as const });
  const here = { hostname: "den.local", port: "8443" };
  expect(movesTo([change("room.name", "Den"), change("network.address", "dhcp")], here)).toBeNull();
  expect(movesTo([change("http.https_port", 0)], here)).toBeNull();
  expect(movesTo([change("http.https_port", 443)], here)).toBe("den.local");
  expect(movesTo([change("network.address", "192.0.2.10/24")], here)).toBe("192.0.2.10:8443");
  expect(movesTo([change("network.address", "192.0.2.10/24")], { ...here, port: "" })).toBe("192.0.2.10");
  expect(movesTo([change("network.address", "2001:db8::a/64"), change("http.https_port", 9443)], here)).toBe("[2001:db8::a]:9443");
});
