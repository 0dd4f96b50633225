/**
 * The queued tasks: higher priority first, first in first out within one priority (G14).
 *
 * Each priority has a doubly linked list whose links are in the items themselves. Insertion and
 * removal take constant time and allocate nothing. Only a new priority costs more, log(number of
 * priorities), because the levels form a heap.
 */
import { type HeapItem, IndexedHeap } from '../../shared/indexed-heap.js';

/** The fields that an item must have; only the queue writes the last three. */
export interface Queued<T> {
  /** Finite, and constant while the item is queued. */
  readonly priority: number;
  queuePrev: T | undefined;
  queueNext: T | undefined;
  /** Undefined while the item is not queued. */
  queueLevel: Level<T> | undefined;
}

/** The items of one priority. */
export interface Level<T> extends HeapItem {
  priority: number;
  head: T | undefined;
  tail: T | undefined;
}

export class TaskQueue<T extends Queued<T>> {
  /** The levels with items, by priority. Level 0, nearly always the only one, needs no lookup. */
  readonly #levels = new Map<number, Level<T>>();
  readonly #zero: Level<T> = newLevel(0);
  /** The same levels as a heap, with the highest priority on top. */
  readonly #heap: IndexedHeap<Level<T>> = new IndexedHeap<Level<T>>((one, other) => one.priority > other.priority);
  /** The first of the heap: it is read for each task. */
  #top: Level<T> | undefined;
  /** The level emptied last, for reuse: filling and emptying a queue one by one allocates none. */
  #idle: Level<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds an item behind all others of its priority. */
  push(item: T): void {
    const level = this.#levelFor(item);
    item.queuePrev = level.tail;
    if (level.tail === undefined) level.head = item;
    else level.tail.queueNext = item;
    level.tail = item;
  }

  /**
   * Adds an item in front of all others of its priority, except leading ones that `goesBefore`
   * accepts.
   */
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

  /** Returns the first item and leaves it in the queue. */
  peek(): T | undefined {
    return this.#top?.head;
  }

  /** Removes the first item and returns it. */
  shift(): T | undefined {
    const item = this.peek();
    if (item !== undefined) this.remove(item);
    return item;
  }

  /** Removes an item; returns false if it is not queued. */
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

  /** Iterates in the order of `shift`. Meanwhile only the item just yielded may be removed. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    const levels = this.#heap.toArray().sort((a, b) => b.priority - a.priority);
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
    if (level.heapIndex < 0) {
      this.#heap.add(level);
      this.#top = this.#heap.first;
    }
    item.queueLevel = level;
    this.#size += 1;
    return level;
  }

  #drop(level: Level<T>): void {
    this.#heap.remove(level);
    this.#top = this.#heap.first;
    if (level === this.#zero) return;
    this.#levels.delete(level.priority);
    this.#idle = level;
  }
}

function newLevel<T>(priority: number): Level<T> {
  return { priority, heapIndex: -1, head: undefined, tail: undefined };
}
