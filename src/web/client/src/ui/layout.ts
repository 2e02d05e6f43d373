/** Where pictures go: the best grid for a space, who is on the stage, and which wishes follow. Pure. */
import { others, presenter, trackState, type Meeting } from "../words/meeting";
import { WISHES_MAX, type Participant, type Source, type Wish } from "../words/wire";

/** A grid of equal tiles. */
export interface Grid {
  readonly columns: number;
  readonly rows: number;
  /** The size of a tile in CSS pixels. */
  readonly width: number;
  readonly height: number;
}

const WIDE = 16 / 9;

/** The grid in which `count` tiles are largest: 16:9, and up to square where the space itself is upright. */
export function bestGrid(count: number, width: number, height: number, gap: number): Grid {
  const narrowest = width < height ? 1 : WIDE;
  let best: Grid = { columns: 1, rows: Math.max(1, count), width: 0, height: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(count / columns);
    const cell = { width: (width - gap * (columns - 1)) / columns, height: (height - gap * (rows - 1)) / rows };
    const shape = Math.min(WIDE, Math.max(narrowest, cell.width / cell.height));
    const tile = Math.max(0, Math.floor(Math.min(cell.width, cell.height * shape)));
    const found = { columns, rows, width: tile, height: Math.floor(tile / shape) };
    if (found.width * found.height > best.width * best.height) best = found;
  }
  return best;
}

/** A picture that is to be shown. */
export interface Showing {
  readonly participant: Participant;
  readonly source: "camera" | "screen";
}

/** Whoever is kept on the stage by hand. */
export type Pin = { readonly participant: string; readonly source: "camera" | "screen" } | null;

/** The stage: what was pinned, else a shared screen, else who speaks, else who spoke, else the first. */
export function onStage(meeting: Meeting, pin: Pin, before: string | null): Showing | null {
  const present = others(meeting);
  const find = (id: string | null | undefined) => present.find((one) => one.id === id);
  const pinned = find(pin?.participant);
  if (pin && pinned && (pin.source === "camera" || trackState(pinned, "screen") === "on")) {
    return { participant: pinned, source: pin.source };
  }
  const presenting = presenter(meeting);
  if (presenting) return { participant: presenting, source: "screen" };
  const speaking = find(meeting.active) ?? find(before) ?? present.find((one) => one.kind === "room") ?? present[0];
  return speaking ? { participant: speaking, source: "camera" } : null;
}

/** Everything to be shown: shared screens first, then the others in order of arrival. */
export function showings(meeting: Meeting): Showing[] {
  const present = others(meeting);
  const screens = present.filter((one) => trackState(one, "screen") === "on");
  return [
    ...screens.map((participant) => ({ participant, source: "screen" as const })),
    ...present.map((participant) => ({ participant, source: "camera" as const })),
  ];
}

export function isSame(one: Showing | null, other: Showing | null): boolean {
  return one?.participant.id === other?.participant.id && one?.source === other?.source;
}

/** A tile on the page, as far as it decides about wishes. */
export interface Seen {
  readonly participant: string;
  readonly source: Source;
  /** 0 is the most wanted. */
  readonly rank: number;
  /** In device pixels. */
  readonly height: number;
}

/** Heights are asked for in steps, so that a window being dragged does not ask anew at each pixel. */
const HEIGHTS: readonly number[] = [90, 180, 270, 360, 540, 720, 1080, 1440, 2160];

/** The wishes that follow from what is seen. */
export function wishesFor(seen: readonly Seen[]): Wish[] {
  return seen
    .filter((one) => one.height > 0)
    .sort((one, other) => one.rank - other.rank)
    .slice(0, WISHES_MAX)
    .map(({ participant, source, height }) => ({
      participant,
      source,
      max_height: HEIGHTS.find((step) => step >= height) ?? HEIGHTS.at(-1) ?? height,
    }));
}

/** One or two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? "")];
  if (/\p{Script=Han}/u.test(first[0] ?? "")) return first.slice(-2).join("");
  const last = words.length > 1 ? [...(words.at(-1) ?? "")] : [];
  return ((first[0] ?? "") + (last[0] ?? "")).toUpperCase();
}

/** One of eight calm colours, the same for a name on every page. */
export function hue(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return sum % 8;
}
