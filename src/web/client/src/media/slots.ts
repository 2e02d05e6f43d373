/** Who is in which receive slot: what the words say, applied at the very frame that they speak of. */
import { Cell } from "../cell";
import type { SlotTrack, Source, Tell } from "../words/wire";

/** How long a picture may keep its old name when the frame of the cut is not reported, in milliseconds. */
export const CUT_MS_MAX = 400;

/** What a video element tells of its frames, where the browser knows how to. */
interface FrameSource {
  requestVideoFrameCallback?(callback: (now: number, data: { rtpTimestamp?: number }) => void): number;
  cancelVideoFrameCallback?(id: number): void;
}

/** A slot with the element that plays it for good. */
export interface Slot<E extends object = HTMLMediaElement> {
  readonly mid: string;
  readonly kind: "audio" | "video";
  readonly element: E;
  /** Whose track is shown by the element now; null while it is empty. */
  readonly occupant: SlotTrack | null;
}

type Word = Extract<Tell, { slot: unknown }>["slot"];

interface Held<E extends object> {
  slot: Slot<E>;
  /** Calls off the change that waits for its frame. */
  callOff: (() => void) | null;
}

/** All slots of a peer. A new word for a slot replaces the one that still waits for its frame. */
export class Slots<E extends object = HTMLMediaElement> {
  /** The slots as they are shown now. */
  readonly now = new Cell<readonly Slot<E>[]>([]);
  readonly #held = new Map<string, Held<E>>();
  readonly #early = new Map<string, Word>();

  constructor(private readonly after: (ms: number, then: () => void) => () => void) {}

  /** Adds a slot, empty unless a word for it came before. */
  add(mid: string, kind: "audio" | "video", element: E): void {
    this.#held.set(mid, { slot: { mid, kind, element, occupant: null }, callOff: null });
    this.#tell();
    const early = this.#early.get(mid);
    this.#early.delete(mid);
    if (early) this.take(early);
  }

  /** Takes the word about a slot. */
  take(word: Word): void {
    const held = this.#held.get(word.mid);
    if (!held) {
      this.#early.set(word.mid, word);
      return;
    }
    held.callOff?.();
    held.callOff = null;
    const occupant = word.track ?? null;
    if (!occupant || held.slot.kind === "audio" || same(occupant, held.slot.occupant)) this.#apply(held, occupant);
    else this.#atFrame(held, word.rtp_timestamp, () => this.#apply(held, occupant));
  }

  /** The slot that shows a track, if one does. */
  find(participant: string, source: Source): Slot<E> | undefined {
    return this.now.value.find(
      ({ occupant }) => occupant?.participant === participant && occupant.source === source,
    );
  }

  /** Empties and forgets all slots: their peer is gone. */
  clear(): void {
    for (const held of this.#held.values()) held.callOff?.();
    this.#held.clear();
    this.#early.clear();
    this.#tell();
  }

  /** Waits for the first frame at or after `timestamp` (modulo 2^32), but not for long. */
  #atFrame(held: Held<E>, timestamp: number, then: () => void): void {
    const element = held.slot.element as FrameSource;
    if (!element.requestVideoFrameCallback) return then();
    let id = 0;
    const stopClock = this.after(CUT_MS_MAX, () => finish());
    const finish = () => {
      held.callOff?.();
      held.callOff = null;
      then();
    };
    const look = () => {
      id = element.requestVideoFrameCallback?.((_, { rtpTimestamp }) => {
        if (rtpTimestamp === undefined || ((rtpTimestamp - timestamp) | 0) >= 0) finish();
        else look();
      }) ?? 0;
    };
    held.callOff = () => {
      stopClock();
      element.cancelVideoFrameCallback?.(id);
    };
    look();
  }

  #apply(held: Held<E>, occupant: SlotTrack | null): void {
    held.slot = { ...held.slot, occupant };
    // Somebody can be in one slot only: the other one is about to be emptied or filled anew.
    if (occupant) {
      for (const other of this.#held.values()) {
        if (other !== held && same(occupant, other.slot.occupant)) other.slot = { ...other.slot, occupant: null };
      }
    }
    this.#tell();
  }

  #tell(): void {
    this.now.set([...this.#held.values()].map((held) => held.slot));
  }
}

function same(one: SlotTrack | null, other: SlotTrack | null): boolean {
  return one?.participant === other?.participant && one?.source === other?.source;
}
