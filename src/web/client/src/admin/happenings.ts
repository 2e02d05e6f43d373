/** What happens at the appliance, as it tells it: whoever shows something looks anew at once. */

/** What somebody shows, and the events after which it is another. */
const EVENTS = {
  status: ["condition.changed", "config.changed", "call.changed", "call.ended", "meeting.opened", "meeting.ended", "meeting.joined", "meeting.left"],
  meetings: ["meeting.opened", "meeting.ended", "meeting.joined", "meeting.left"],
  updates: ["operation.changed"],
} as const;

export type Subject = keyof typeof EVENTS;

/** Many events in a row are one reason to look, in milliseconds. */
const GATHERED_MS = 250;
/** How long until a way that was refused is tried again, in milliseconds. */
const RETRY_MS = 30_000;

/** A way for events to come; tests give another one. */
export type Stream = Pick<EventSource, "addEventListener" | "close" | "readyState">;

export class Happenings {
  readonly #open: (path: string) => Stream;
  readonly #watchers = new Map<Subject, Set<() => void>>();
  readonly #due = new Map<Subject, ReturnType<typeof setTimeout>>();
  #stream: Stream | null = null;
  #refused = -Infinity;

  constructor(open: (path: string) => Stream = (path) => new EventSource(path)) {
    this.#open = open;
  }

  /** Whether what happens is told: then it need not be asked for so often. */
  get areTold(): boolean {
    return this.#stream?.readyState === 1;
  }

  /** Listens from now on; may be called again and again. */
  begin(): void {
    if (this.#stream || Date.now() - this.#refused < RETRY_MS) return;
    const types = [...new Set(Object.values(EVENTS).flat())].map((type) => `alcove.${type}`);
    const stream = this.#open(`/api/v1/events?types=${types.join(",")}`);
    this.#stream = stream;
    for (const type of types) {
      stream.addEventListener(type, () => {
        for (const [subject, its] of Object.entries(EVENTS)) {
          if (its.some((one) => `alcove.${one}` === type)) this.#gather(subject as Subject);
        }
      });
    }
    stream.addEventListener("error", () => {
      // A browser goes on trying by itself, unless it was refused: then it has closed.
      if (stream.readyState !== 2 || this.#stream !== stream) return;
      this.#stream = null;
      this.#refused = Date.now();
    });
  }

  /** Listens no more. */
  end(): void {
    this.#stream?.close();
    this.#stream = null;
    for (const timer of this.#due.values()) clearTimeout(timer);
    this.#due.clear();
  }

  /** Calls `watcher` whenever that has changed, until the returned function is called. */
  watch(subject: Subject, watcher: () => void): () => void {
    const watchers = this.#watchers.get(subject) ?? new Set();
    this.#watchers.set(subject, watchers.add(watcher));
    return () => void watchers.delete(watcher);
  }

  #gather(subject: Subject): void {
    if (this.#due.has(subject)) return;
    this.#due.set(subject, setTimeout(() => {
      this.#due.delete(subject);
      for (const watcher of [...this.#watchers.get(subject) ?? []]) watcher();
    }, GATHERED_MS));
  }
}
