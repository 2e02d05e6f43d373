/** How the appliance is, the important first. */
import type { Condition } from "./admin";

/** `bad`: people notice. `unsure`: nobody knows. `news`: worth knowing. `off`: so it was wanted. `good`: as it should be. */
export type Mood = "bad" | "unsure" | "news" | "off" | "good";

const ORDER: readonly Mood[] = ["bad", "unsure", "news", "off", "good"];

/** Conditions that say what goes on, and are neither good nor bad. */
const NEUTRAL: readonly string[] = ["InMeeting", "UpdateAvailable"];
/** That which sums up all the others. */
const SUM = "Degraded";

export interface Finding {
  readonly condition: Condition;
  readonly mood: Mood;
}

export function mood({ type, status, reason }: Condition): Mood {
  if (NEUTRAL.includes(type)) return type === "UpdateAvailable" && status === "True" ? "news" : "off";
  if (status === "False") return "bad";
  if (status === "Unknown") return reason === "SwitchedOff" ? "off" : "unsure";
  return reason === "Unconfirmed" ? "news" : "good";
}

/** Each thing once, what is wrong first, else as the appliance tells them. */
export function findings(conditions: readonly Condition[]): Finding[] {
  const all = conditions.filter(({ type }) => type !== SUM).map((condition) => ({ condition, mood: mood(condition) }));
  return all.sort((one, other) => ORDER.indexOf(one.mood) - ORDER.indexOf(other.mood));
}
