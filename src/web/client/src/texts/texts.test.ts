/** The languages say the same things. */
import { expect, it } from "vitest";
import en from "./en.json";
import zh from "./zh.json";
import adminEn from "./admin/en.json";
import adminZh from "./admin/zh.json";
import keys from "../../../../config/keys.rs?raw";
import { setLanguage, t, textOr } from "../ui/texts";
import type { Code, LeaveReason } from "../words/wire";

const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
const english: Record<string, string> = en;

const pairs: readonly [Record<string, string>, Record<string, string>][] = [[en, zh], [adminEn, adminZh]];

it("every language has every text, in the same order, and none is empty", () => {
  for (const [english, chinese] of pairs) {
    expect(Object.keys(chinese)).toEqual(Object.keys(english));
    for (const text of [...Object.values(english), ...Object.values(chinese)]) expect(text.trim()).not.toBe("");
  }
});

it("every text has the same places to fill in", () => {
  for (const [english, chinese] of pairs) {
    for (const key of Object.keys(english)) expect(places(chinese[key] ?? ""), key).toEqual(places(english[key] ?? ""));
  }
});

it("there is a sentence for every refusal and every reason", () => {
  const codes: Record<Code, true> = {
    "meeting-exists": true, "meeting-not-found": true, "meeting-full": true, "meeting-locked": true, "meeting-loop": true,
    "wrong-password": true, "not-permitted": true, "waiting-for-host": true, "invalid-parameter": true,
    "unsupported-mode": true, "track-id-taken": true, "client-too-old": true, "server-too-old": true,
    "too-many-requests": true, busy: true, "no-answer": true, declined: true, "peer-lost": true, "user-not-found": true, stale: true, internal: true,
  };
  const reasons: Record<LeaveReason, true> = {
    left: true, timeout: true, kicked: true, banned: true, ended: true, replaced: true, "transport-failed": true, version: true,
  };
  for (const code of Object.keys(codes)) expect(english, code).toHaveProperty([`refusal.${code}`]);
  for (const reason of Object.keys(reasons)) {
    expect(english, reason).toHaveProperty([`over.${reason}`]);
    expect(english, reason).toHaveProperty([`over.hint.${reason}`]);
  }
});

it("people have a name for every key of the configuration, and for its section", () => {
  const names = [...keys.matchAll(/^ {4}(?:live|restart)\("([a-z._]+)"/gm)].map(([, name]) => name ?? "");
  expect(names.length).toBeGreaterThan(30);
  for (const name of names) {
    expect(adminEn, name).toHaveProperty([`key.${name}`]);
    expect(adminEn, name).toHaveProperty([`section.${name.split(".")[0]}`]);
  }
});

it("texts are filled in, and an unknown code falls back to what the appliance said", () => {
  globalThis.document = { documentElement: {} } as Document;
  setLanguage("zh");
  expect(t("say.joined", { name: "Ada" })).toBe("Ada 已加入");
  expect(textOr("refusal.brand-new", "The roof is open.")).toBe("The roof is open.");
  expect(document.documentElement.lang).toBe("zh-Hans");
});
