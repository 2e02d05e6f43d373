/** The texts of the page in the person's language. */
import { Cell } from "../cell";
import en from "../texts/en.json";
import zh from "../texts/zh.json";

/** The name of a text. */
export type TextKey = keyof typeof en;
export type Language = "en" | "zh";

const TEXTS: Texts<TextKey> = { en, zh };
const KEY = "alcove.language";

/** The languages that there are, each by its own name. */
export const LANGUAGES: readonly { id: Language; name: string }[] = [
  { id: "en", name: en["language.name"] },
  { id: "zh", name: zh["language.name"] },
];

/** The language of the page. */
export const language = new Cell<Language>("en");

/** Takes the language chosen before, else the first of the browser's that there are texts in. */
export function findLanguage(): void {
  const wishes = [localStorage.getItem(KEY) ?? "", ...navigator.languages];
  const found = wishes.map((wish) => wish.slice(0, 2).toLowerCase()).find((wish) => wish in TEXTS);
  setLanguage((found as Language | undefined) ?? "en");
}

/** Uses a language, and remembers it when a person chose it. */
export function setLanguage(next: Language, chosen = false): void {
  if (chosen) localStorage.setItem(KEY, next);
  document.documentElement.lang = next === "zh" ? "zh-Hans" : next;
  language.set(next);
}

/** What goes into the `{places}` of a text. */
type Values = Readonly<Record<string, string | number>>;

/** Texts of a part of the page, in all languages. */
export type Texts<Key extends string> = Readonly<Record<Language, Readonly<Record<Key, string>>>>;

/** Says the texts of a part of the page in the person's language. */
export function speaks<Key extends string>(texts: Texts<Key>) {
  /** The text of a name, its `{places}` filled in. */
  const t = (key: Key, values: Values = {}): string =>
    texts[language.value][key].replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
  /** The text for a code that another version may have added to: `fallback` where there is none. */
  const textOr = (key: string, fallback: string): string => (key in texts[language.value] ? t(key as Key) : fallback);
  return { t, textOr };
}

export const { t, textOr } = speaks<TextKey>(TEXTS);
