/** The texts of those who administer, which people in meetings do not load. */
import en from "../../texts/admin/en.json";
import zh from "../../texts/admin/zh.json";
import { language, speaks } from "../texts";
import type { Refused } from "../../admin/api";

export const { t, textOr } = speaks<keyof typeof en>({ en, zh });

/** Why something was refused: what the appliance says of it, where that says more than the code. */
export function why({ code, detail }: Refused): string {
  return detail === "" ? textOr(`refusal.${code}`, t("refusal.internal")) : sentence(detail).replace(/([^.!?])$/, "$1.");
}

/** A sentence of the appliance's with a capital, unless it begins with the name of a thing. */
export function sentence(text: string): string {
  return /^[a-z]+[ ,:]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}

/** A value in few words. */
export function spoken(value: unknown): string {
  if (typeof value === "boolean") return t(value ? "on" : "off");
  return (Array.isArray(value) ? value.join(", ") : String(value ?? "")) || "—";
}

const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]] as const;

/** How long ago, in words. */
export function ago(unixMs: number, now = Date.now()): string {
  const seconds = Math.max(0, (now - unixMs) / 1000);
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(language.value, { numeric: "auto" }).format(-Math.floor(seconds / length), unit);
}

/** Day and time, as they are where the page is read. */
export function moment(unixMs: number): string {
  return new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }).format(unixMs);
}

/** How long something has lasted, in the two largest units. */
export function lasting(seconds: number): string {
  const parts = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]] as const;
  const first = Math.max(0, parts.findIndex(([, length]) => Math.max(1, seconds) >= length));
  let left = seconds;
  const counted = parts.map(([unit, length]) => {
    const count = Math.floor(left / length);
    left -= count * length;
    return [unit, count] as const;
  });
  return counted.slice(first, first + 2).filter(([, count], at) => at === 0 || count > 0)
    .map(([unit, count]) => new Intl.NumberFormat(language.value, { style: "unit", unit, unitDisplay: "short" }).format(count))
    .join(" ");
}
