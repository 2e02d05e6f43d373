/** Questions to the one who asks: what goes along, and what is made of refusals. */
import { expect, test } from "vitest";
import { Api, Refused, type Fetch } from "./api";

const answers = (status: number, body: unknown, sent: RequestInit[] = []): Fetch => async (_, init) => {
  sent.push(init);
  return new Response(status === 204 ? null : JSON.stringify(body), { status, headers: { ETag: '"1"' } });
};

test("what changes something carries the word, and what only looks does not", async () => {
  const sent: RequestInit[] = [];
  const api = new Api(answers(200, { a: 1 }, sent));
  api.csrf = "W";
  expect(await api.get("status")).toEqual({ a: 1 });
  expect((await api.ask("PATCH", "config", { body: {}, etag: '"0"' })).etag).toBe('"1"');
  expect(sent.map(({ headers }) => headers)).toEqual([{}, { "X-Alcove-CSRF": "W", "Content-Type": "application/json", "If-Match": '"0"' }]);
});

test("a refusal says its code, and being out is told", async () => {
  let out = 0;
  const refused = async (status: number, path: string, body: unknown) => {
    const api = new Api(answers(status, body));
    api.onOut = () => { out += 1; };
    const cause: unknown = await api.get(path).catch((cause: unknown) => cause);
    return cause instanceof Refused ? cause.code : cause;
  };
  expect(await refused(412, "config", { code: "stale", detail: "read it again" })).toBe("stale");
  expect(await refused(502, "config", "<html>")).toBe("peer-lost");
  expect(await refused(401, "sign-in", { code: "not-permitted" })).toBe("not-permitted");
  expect(out).toBe(0);
  await refused(401, "status", { code: "not-permitted" });
  expect(out).toBe(1);
  const gone = new Api(async () => { throw new TypeError("Failed to fetch"); });
  expect(await gone.get("status").catch((cause: Refused) => cause.code)).toBe("peer-lost");
});
