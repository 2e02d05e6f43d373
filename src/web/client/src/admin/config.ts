/** The configuration as a form: which field each key has, what was typed there, and what of that still fits. */

/** When a key takes effect: at once, when a device was opened anew, when the daemon has started anew. */
export type Applies = "live" | "media" | "restart";

/** What the appliance knows of a key. */
export interface KeyInfo {
  readonly key: string;
  readonly value?: unknown;
  readonly is_set: boolean;
  readonly layer: string;
  readonly author?: string;
  readonly at_unix_ms?: number;
  readonly editable: boolean;
  readonly why_not?: string;
  readonly meaning: string;
  readonly range: string;
  readonly applies: Applies;
}

/** What the schema says of a key. */
export interface Property {
  readonly type: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly default?: unknown;
  readonly writeOnly?: boolean;
  readonly "x-unit"?: string;
  readonly "x-confirm"?: boolean;
}

export interface Schema {
  readonly properties: Readonly<Record<string, { readonly properties?: Readonly<Record<string, Property>> }>>;
}

/** How a value is entered. */
export type Kind = "number" | "switch" | "choice" | "text" | "list" | "secret" | "device";

export interface Field {
  readonly info: KeyInfo;
  readonly property: Property;
  readonly section: string;
  readonly name: string;
  readonly kind: Kind;
}

/** The keys that choose a device, and its class in the report of devices. */
export const DEVICE_KEYS: Readonly<Record<string, string>> = {
  "room.camera": "camera", "room.microphone": "microphone", "room.speaker": "speaker", "room.display": "display",
};

/** What is to be said of keys: a value, or `null` to take one's own word back. */
export type Drafts = ReadonlyMap<string, unknown>;

/** A draft whose key was changed by somebody else in the meantime. */
export interface Conflict {
  readonly key: string;
  readonly theirs: unknown;
  readonly ours: unknown;
  readonly author: string;
}

/** What a change does, or would do. */
export interface Changed {
  readonly generation: number;
  readonly changes: readonly { key: string; before: unknown; after: unknown; applies: Applies }[];
  readonly warnings: readonly string[];
  readonly applies: Applies;
  readonly waits_for?: string;
  readonly confirm_within_s?: number;
}

/** One of the last states. */
export interface Revision {
  readonly revision: number;
  readonly at_unix_ms: number;
  readonly author: string;
  readonly note?: string;
  readonly provisioned: unknown;
  readonly local: unknown;
}

export function fieldsOf(keys: readonly KeyInfo[], schema: Schema): Field[] {
  return keys.map((info) => {
    const [section = "", name = ""] = info.key.split(".");
    const property = schema.properties[section]?.properties?.[name] ?? { type: "string" };
    return { info, property, section, name, kind: kindOf(info.key, property) };
  });
}

function kindOf(key: string, property: Property): Kind {
  if (property.writeOnly) return "secret";
  if (key in DEVICE_KEYS) return "device";
  if (property.enum) return "choice";
  const kinds: Record<string, Kind> = { integer: "number", boolean: "switch", array: "list" };
  return kinds[property.type] ?? "text";
}

/** What was typed, as a value; `null` where nothing stands there. */
export function typed(kind: Kind, text: string): unknown {
  if (kind === "list") return text.split(/[\n,]/).map((line) => line.trim()).filter((line) => line !== "");
  if (kind === "secret") return text === "" ? null : text;
  if (text.trim() === "") return null;
  return kind === "number" ? Number(text) : text;
}

/** A value as it stands in a field. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join("\n") : String(value);
}

export function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one ?? null) === JSON.stringify(other ?? null);
}

/** The drafts with one more; what says nothing new is none. */
export function drafted(drafts: Drafts, info: KeyInfo, value: unknown): Drafts {
  const next = new Map(drafts);
  const isNews = value === null ? info.layer === "local" : !isSame(value, info.value);
  if (isNews) next.set(info.key, value);
  else next.delete(info.key);
  return next;
}

/** Drafts as the body of a change (RFC 7396). */
export function patchOf(drafts: Drafts): Record<string, Record<string, unknown>> {
  const patch: Record<string, Record<string, unknown>> = {};
  for (const [key, value] of drafts) {
    const [section = "", name = ""] = key.split(".");
    (patch[section] ??= {})[name] = value;
  }
  return patch;
}

/** What somebody else has changed since the drafts were made: the rest of the drafts fits as it is. */
export function conflicts(before: readonly KeyInfo[], after: readonly KeyInfo[], drafts: Drafts): Conflict[] {
  const then = new Map(before.map((info) => [info.key, info]));
  return after.flatMap((info) => {
    const was = then.get(info.key);
    const isTheirs = was && (!isSame(was.value, info.value) || was.at_unix_ms !== info.at_unix_ms);
    if (!isTheirs || !drafts.has(info.key) || isSame(drafts.get(info.key), info.value)) return [];
    return [{ key: info.key, theirs: info.value, ours: drafts.get(info.key), author: info.author ?? info.layer }];
  });
}

/** Drafts that say what is in force already, or cannot be said any more, are none. */
export function fitting(drafts: Drafts, keys: readonly KeyInfo[]): Drafts {
  const all = new Map(keys.map((info) => [info.key, info]));
  return new Map([...drafts].filter(([key, value]) => {
    const info = all.get(key);
    return info?.editable === true && (value === null ? info.layer === "local" : !isSame(value, info.value));
  }));
}

/** Whether every word of a query stands somewhere in what is known of a key. */
export function matches(field: Field, label: string, query: string): boolean {
  const { key, meaning, layer } = field.info;
  const text = `${key} ${label} ${meaning} ${layer} ${shown(field.info.value)}`.toLowerCase();
  return query.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** The host and port at which the page is found after a change of the box's address or port; null where it stays. */
export function movesTo(changes: Changed["changes"], { hostname, port }: { hostname: string; port: string }): string | null {
  const after = (name: string) => changes.find(({ key }) => key === name)?.after;
  const ip = /^(.+)\/\d+$/.exec(String(after("network.address") ?? ""))?.[1];
  const other = after("http.https_port");
  const isPort = typeof other === "number" && other !== 0;
  if (ip === undefined && !isPort) return null;
  const host = ip === undefined ? hostname : ip.includes(":") ? `[${ip}]` : ip;
  const its = isPort ? `${other}` : port;
  return its === "" || its === "443" ? host : `${host}:${its}`;
}

/** `section.key` and value of everything that a layer's document says. */
function flat(document: unknown): Map<string, unknown> {
  const pairs = new Map<string, unknown>();
  for (const [section, keys] of Object.entries((document ?? {}) as Record<string, unknown>)) {
    if (Array.isArray(keys) || typeof keys !== "object" || keys === null) pairs.set(section, keys);
    else for (const [name, value] of Object.entries(keys)) pairs.set(`${section}.${name}`, value);
  }
  return pairs;
}

/** What a revision says otherwise than the one before it; secrets are in neither. */
export function steps(revision: Revision, before: Revision | undefined): { key: string; before: unknown; after: unknown }[] {
  return (["provisioned", "local"] as const).flatMap((layer) => {
    const [was, is] = [flat(before?.[layer]), flat(revision[layer])];
    const keys = [...new Set([...was.keys(), ...is.keys()])].filter((key) => !isSame(was.get(key), is.get(key)));
    return keys.map((key) => ({ key, before: was.get(key), after: is.get(key) }));
  });
}
