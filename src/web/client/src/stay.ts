/** What a page that is loaded anew has to know to be in its meeting again: kept as it closes, taken as it opens. */

const KEY = "alcove.stay";
/** For so long the appliance keeps the place of a page that was closed, in milliseconds. */
const RETURN_WITHIN_MS = 10_000;

/** How I was in a meeting. */
export interface Stay {
  readonly meeting: string;
  /** What I said of myself. */
  readonly entered: readonly [name: string, password: string, code: string];
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
}

/** Keeps it in this tab. */
export function keep(stay: Stay, storage: Storage, now: number): void {
  storage.setItem(KEY, JSON.stringify({ ...stay, at: now }));
}

/** What was kept of that meeting a moment ago; once, and nothing of longer ago, as of a tab that was opened again. */
export function take(meeting: string, storage: Storage, now: number): Stay | null {
  const kept = storage.getItem(KEY);
  storage.removeItem(KEY);
  if (!kept) return null;
  const { at, ...stay } = JSON.parse(kept) as Stay & { at: number };
  const isRecent = now >= at && now - at < RETURN_WITHIN_MS;
  return isRecent && stay.meeting === meeting ? stay : null;
}
