/** A value that tells whoever looks at it when it has changed. */
import { useEffect, useState } from "preact/hooks";

export class Cell<T> {
  #value: T;
  readonly #watchers = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  /** Sets the value; the same value tells nobody. */
  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  /** Sets some fields of a value that is an object. */
  patch(fields: Partial<T>): void {
    this.set({ ...this.#value, ...fields });
  }

  /** Calls `watcher` after each change, until the returned function is called. */
  watch(watcher: (value: T) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

/** The value of a cell, in a component that is drawn anew when it changes. */
export function useCell<T>(cell: Cell<T>): T {
  const [value, setValue] = useState<{ of: T }>({ of: cell.value });
  useEffect(() => {
    setValue({ of: cell.value });
    return cell.watch((next) => setValue({ of: next }));
  }, [cell]);
  return value.of;
}
