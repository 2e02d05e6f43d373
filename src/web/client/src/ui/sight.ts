/** Which tiles are really seen, and how large: what the wishes to the appliance are made of. */
import type { Source, Wish } from "../words/wire";
import { wishesFor } from "./layout";

/** How long changes of the page are gathered before the wishes are said, in milliseconds. */
const GATHER_MS = 60;
/** How long a hidden page goes on receiving pictures: people come back, in milliseconds. */
const HIDDEN_MS = 20_000;

interface Looked {
  participant: string;
  source: Source;
  rank: number;
  visible: boolean;
}

/** Watches tiles, and says the wishes when they change. */
export class Sight {
  readonly #tiles = new Map<Element, Looked>();
  readonly #sizes = new ResizeObserver(() => this.#soon());
  readonly #crossings = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const tile = this.#tiles.get(entry.target);
      if (tile) tile.visible = entry.isIntersecting;
    }
    this.#soon();
  });
  #timer: ReturnType<typeof setTimeout> | null = null;
  #hidden: ReturnType<typeof setTimeout> | null = null;
  readonly #onVisibility = () => this.#visibilityChanged();

  constructor(private readonly say: (wishes: Wish[]) => void) {
    document.addEventListener("visibilitychange", this.#onVisibility);
  }

  /** Watches a tile until the returned function is called. */
  add(element: Element, participant: string, source: Source, rank: number): () => void {
    this.#tiles.set(element, { participant, source, rank, visible: true });
    this.#sizes.observe(element);
    this.#crossings.observe(element);
    this.#soon();
    return () => {
      this.#tiles.delete(element);
      this.#sizes.unobserve(element);
      this.#crossings.unobserve(element);
      this.#soon();
    };
  }

  close(): void {
    this.#sizes.disconnect();
    this.#crossings.disconnect();
    document.removeEventListener("visibilitychange", this.#onVisibility);
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#hidden !== null) clearTimeout(this.#hidden);
  }

  #visibilityChanged(): void {
    if (this.#hidden !== null) clearTimeout(this.#hidden);
    this.#hidden = null;
    if (document.hidden) this.#hidden = setTimeout(() => this.say([]), HIDDEN_MS);
    else this.#soon();
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (!document.hidden) this.say(this.#wishes());
    }, GATHER_MS);
  }

  #wishes(): Wish[] {
    const scale = devicePixelRatio;
    const seen = [...this.#tiles].map(([element, { participant, source, rank, visible }]) => ({
      participant,
      source,
      rank,
      height: visible ? Math.round(element.clientHeight * scale) : 0,
    }));
    return wishesFor(seen);
  }
}
