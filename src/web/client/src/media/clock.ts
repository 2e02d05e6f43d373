/** The appliance's clock as the page sees it: asked over the words, the quickest answer is believed. Pure. */

/** How long an answer counts, in milliseconds: clocks drift apart by less than a millisecond meanwhile. */
const KEPT_MS = 60_000;

interface Reading {
  readonly heardMs: number;
  readonly tripMs: number;
  /** The appliance's clock less the page's. */
  readonly aheadMs: number;
}

/** Readings of the appliance's clock; times of the page are `performance.now()`. */
export class ApplianceClock {
  #readings: Reading[] = [];

  /** It was asked and heard at these times of the page, and showed `atMs` somewhere between. */
  take(askedMs: number, heardMs: number, atMs: number): void {
    const reading = { heardMs, tripMs: heardMs - askedMs, aheadMs: atMs - (askedMs + heardMs) / 2 };
    this.#readings = [...this.#readings.filter((one) => heardMs - one.heardMs < KEPT_MS), reading];
  }

  /** The page's time of a moment of the appliance's clock, in milliseconds; null until it was asked. */
  onPage(atMs: number): number | null {
    const best = this.#best();
    return best && atMs - best.aheadMs;
  }

  /** By how much it may be wrong, in milliseconds; null until it was asked. */
  get errorMs(): number | null {
    const best = this.#best();
    return best && best.tripMs / 2;
  }

  #best(): Reading | null {
    return this.#readings.reduce<Reading | null>((best, one) => (best && best.tripMs <= one.tripMs ? best : one), null);
  }
}
