/**
 * The queued tasks: higher priority first, first in first out within one (G14).
 *
 * A doubly linked list for each priority, its links in the items themselves: in, out and removal take
 * constant time at each priority and allocate nothing. Only a priority that was not there costs more,
 * log(number of priorities): the levels stand in a heap.
 */

/** What an item brings with it; only the queue writes the last three. */
export interface Queued<T> {
  /** Finite, and fixed while it is queued. */
  readonly priority: number;
  queuePrev: T | undefined;
  queueNext: T | undefined;
  /** Undefined while it is not queued. */
  queueLevel: Level<T> | undefined;
}

/** The items of one priority. */
export interface Level<T> {
  priority: number;
  heapIndex: number;
  head: T | undefined;
  tail: T | undefined;
}

export class TaskQueue<T extends Queued<T>> {
  /** The levels that hold something, by priority. Level 0, nearly always the only one, is not looked up. */
  readonly #levels = new Map<number, Level<T>>();
  readonly #zero: Level<T> = newLevel(0);
  /** A heap of the same levels, the highest priority on top. */
  readonly #heap: Level<T>[] = [];
  /** The level that was emptied last: a queue that is filled and emptied one by one allocates none. */
  #idle: Level<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts it behind all of its priority. */
  push(item: T): void {
    const level = this.#levelFor(item);
    item.queuePrev = level.tail;
    if (level.tail === undefined) level.head = item;
    else level.tail.queueNext = item;
    level.tail = item;
  }

  /** Puts it before all of its priority, but behind those at the front that go before it. */
  pushFront(item: T, goesBefore?: (other: T) => boolean): void {
    const level = this.#levelFor(item);
    let previous: T | undefined;
    let next = level.head;
    while (next !== undefined && goesBefore?.(next) === true) {
      previous = next;
      next = next.queueNext;
    }
    item.queuePrev = previous;
    item.queueNext = next;
    if (previous === undefined) level.head = item;
    else previous.queueNext = item;
    if (next === undefined) level.tail = item;
    else next.queuePrev = item;
  }

  /** The first, which stays. */
  peek(): T | undefined {
    return this.#heap[0]?.head;
  }

  /** Takes the first. */
  shift(): T | undefined {
    const item = this.peek();
    if (item !== undefined) this.remove(item);
    return item;
  }

  /** Takes that one out; false if it is not queued. */
  remove(item: T): boolean {
    const level = item.queueLevel;
    if (level === undefined) return false;
    const { queuePrev: previous, queueNext: next } = item;
    if (previous === undefined) level.head = next;
    else previous.queueNext = next;
    if (next === undefined) level.tail = previous;
    else next.queuePrev = previous;
    item.queuePrev = undefined;
    item.queueNext = undefined;
    item.queueLevel = undefined;
    this.#size -= 1;
    if (level.head === undefined) this.#drop(level);
    return true;
  }

  /** In the order in which `shift` would give them. The item just given may be removed, nothing else changed meanwhile. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    const levels = [...this.#heap].sort((a, b) => b.priority - a.priority);
    for (const level of levels) {
      let item = level.head;
      while (item !== undefined) {
        const next: T | undefined = item.queueNext;
        yield item;
        item = next;
      }
    }
  }

  #levelFor(item: T): Level<T> {
    if (item.queueLevel !== undefined) throw new Error('an item cannot be queued twice');
    const { priority } = item;
    let level = priority === 0 ? this.#zero : this.#levels.get(priority);
    if (level === undefined) {
      level = this.#idle ?? newLevel(priority);
      this.#idle = undefined;
      level.priority = priority;
      this.#levels.set(priority, level);
    }
    if (level.heapIndex === -1) this.#rise(level, this.#heap.length);
    item.queueLevel = level;
    this.#size += 1;
    return level;
  }

  #drop(level: Level<T>): void {
    const index = level.heapIndex;
    level.heapIndex = -1;
    const last = this.#heap.pop() as Level<T>;
    if (last !== level) {
      const parent = this.#heap[(index - 1) >> 1];
      if (index > 0 && parent !== undefined && parent.priority < last.priority) this.#rise(last, index);
      else this.#sink(last, index);
    }
    if (level === this.#zero) return;
    this.#levels.delete(level.priority);
    this.#idle = level;
  }

  #rise(level: Level<T>, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as Level<T>;
      if (parent.priority >= level.priority) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(level, index);
  }

  #sink(level: Level<T>, from: number): void {
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = this.#heap[childIndex];
      if (child === undefined) break;
      const other = this.#heap[childIndex + 1];
      if (other !== undefined && other.priority > child.priority) {
        child = other;
        childIndex += 1;
      }
      if (child.priority <= level.priority) break;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(level, index);
  }

  #place(level: Level<T>, index: number): void {
    this.#heap[index] = level;
    level.heapIndex = index;
  }
}

function newLevel<T>(priority: number): Level<T> {
  return { priority, heapIndex: -1, head: undefined, tail: undefined };
}
