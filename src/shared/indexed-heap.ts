/**
 * A binary heap whose items know their index, so that any item can be moved or removed in
 * logarithmic time.
 */

export interface HeapItem {
  /**
   * Negative while the item is not in the heap; begins as -1. Only the heap writes other indexes.
   */
  heapIndex: number;
}

const OUTSIDE = -1;

export class IndexedHeap<T extends HeapItem> {
  readonly #items: T[] = [];
  readonly #goesBefore: (one: T, other: T) => boolean;

  /** @param goesBefore a strict order; items of equal rank may come in any order */
  constructor(goesBefore: (one: T, other: T) => boolean) {
    this.#goesBefore = goesBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The item that goes before all others; it stays in the heap. */
  get first(): T | undefined {
    return this.#items[0];
  }

  /** All items, in no particular order. */
  toArray(): T[] {
    return [...this.#items];
  }

  add(item: T): void {
    this.#rise(item, this.#items.length);
  }

  /** Returns false if the item is not in the heap. */
  remove(item: T): boolean {
    const index = item.heapIndex;
    if (index < 0) return false;
    item.heapIndex = OUTSIDE;
    const last = this.#items.pop() as T;
    if (last !== item) this.#settle(last, index);
    return true;
  }

  /** The rank of an item in the heap has changed: moves it to its place. */
  update(item: T): void {
    this.#settle(item, item.heapIndex);
  }

  /** Removes all items and returns them. */
  clear(): T[] {
    const items = this.#items.splice(0);
    for (const item of items) item.heapIndex = OUTSIDE;
    return items;
  }

  #settle(item: T, index: number): void {
    const parent = this.#items[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && this.#goesBefore(item, parent)) this.#rise(item, index);
    else this.#sink(item, index);
  }

  #rise(item: T, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#items[parentIndex] as T;
      if (!this.#goesBefore(item, parent)) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(item, index);
  }

  #sink(item: T, from: number): void {
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = this.#items[childIndex];
      if (child === undefined) break;
      const other = this.#items[childIndex + 1];
      if (other !== undefined && this.#goesBefore(other, child)) {
        child = other;
        childIndex += 1;
      }
      if (!this.#goesBefore(child, item)) break;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(item, index);
  }

  #place(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
