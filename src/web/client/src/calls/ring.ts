/** How this device rings: how loud, and whether for the eyes too. Remembered here, for each device rings in a place of its own. */
import { Cell } from "../cell";

const KEY = "alcove.ring";

export interface RingChoice {
  /** In percent; 0 is off. */
  readonly volume: number;
  /** The whole page flashes, softly. */
  readonly visual: boolean;
}

const USUAL: RingChoice = { volume: 100, visual: true };

export const ringChoice = new Cell<RingChoice>(USUAL);

/** As it was chosen before. */
export function recallRing(storage: Storage): void {
  ringChoice.set(read(storage.getItem(KEY)));
}

/** From now on like this. */
export function chooseRing(part: Partial<RingChoice>, storage: Storage): void {
  ringChoice.patch(part);
  storage.setItem(KEY, JSON.stringify(ringChoice.value));
}

function read(kept: string | null): RingChoice {
  try {
    const { volume, visual } = JSON.parse(kept ?? "{}") as Partial<RingChoice>;
    return {
      volume: typeof volume === "number" ? Math.min(100, Math.max(0, volume)) : USUAL.volume,
      visual: typeof visual === "boolean" ? visual : USUAL.visual,
    };
  } catch {
    return USUAL;
  }
}
