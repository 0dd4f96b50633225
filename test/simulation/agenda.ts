/** The events to come, by time. Events of one time keep the order in which they were added. */
export interface Entry {
  readonly at: number;
  readonly order: number;
  /** Undefined once it was taken or removed. */
  run: (() => void) | undefined;
}

export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;
  #size = 0;

  /** The number of entries that were neither taken nor removed. */
  get size(): number {
    return this.#size;
  }

  add(at: number, run: () => void): Entry {
    const entry: Entry = { at, order: this.#order++, run };
    this.#size += 1;
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[index] = heap[parent] as Entry;
      index = parent;
    }
    heap[index] = entry;
    return entry;
  }

  strike(entry: Entry): void {
    if (entry.run === undefined) return;
    entry.run = undefined;
    this.#size -= 1;
  }

  /** When the first entry is due; Infinity if there is none. */
  get nextAt(): number {
    while (this.#heap.length > 0 && this.#heap[0]?.run === undefined) this.#removeFirst();
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Takes the first entry if it is due. */
  take(now: number): (() => void) | undefined {
    if (this.nextAt > now) return undefined;
    const entry = this.#heap[0] as Entry;
    const { run } = entry;
    this.strike(entry);
    this.#removeFirst();
    return run;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!isBefore(heap[child] as Entry, last)) break;
      heap[index] = heap[child] as Entry;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
