/**
 * All deadlines of a pool behind one timer: a binary heap, its indices in the items themselves.
 *
 * The timer is only ever moved to an earlier time. When the earliest deadline is cleared or put off, the
 * timer stays and finds nothing due: a task that ends before its deadline costs the heap, not a timer.
 */
import type { Clock, Timer } from './platform.js';

/** What has a deadline; only `Deadlines` writes the two numbers. */
export interface Due {
  /** On the clock's `now()`. */
  dueAt: number;
  /** Not negative while a deadline is set; begins as -1. */
  heapIndex: number;
}

const UNSET = -1;
/** Its turn comes in the round that runs now, unless it is cleared or set anew before. */
const FIRING = -2;

export class Deadlines<T extends Due> {
  readonly #clock: Clock;
  readonly #onDue: (due: T) => void;
  readonly #heap: T[] = [];
  /** Those whose turn it is. */
  #round: T[] = [];
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /** `onDue`: its deadline has passed, and is no longer set. May set or clear any deadline, that one's too. */
  constructor(clock: Clock, onDue: (due: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** How many are set. */
  get size(): number {
    return this.#heap.length;
  }

  /** Sets its deadline, or moves it. Infinity: never. */
  set(due: T, at: number): void {
    // NaN compares with nothing: one of it would leave the whole heap out of order.
    if (Number.isNaN(at)) throw new RangeError('a deadline cannot be NaN');
    if (at === Number.POSITIVE_INFINITY) {
      this.clear(due);
      return;
    }
    const isNew = due.heapIndex < 0;
    const isLater = !isNew && at > due.dueAt;
    due.dueAt = at;
    if (isLater) this.#sink(due, due.heapIndex);
    else this.#rise(due, isNew ? this.#heap.length : due.heapIndex);
    if (at < this.#timerAt) this.#arm(at);
  }

  /** It has no deadline any more. Does nothing if it has none. */
  clear(due: T): void {
    const index = due.heapIndex;
    due.heapIndex = UNSET;
    if (index < 0) return;
    const last = this.#heap.pop() as T;
    if (last === due) return;
    const parent = this.#heap[(index - 1) >> 1];
    if (index > 0 && parent !== undefined && parent.dueAt > last.dueAt) this.#rise(last, index);
    else this.#sink(last, index);
  }

  /** Clears all of them and the timer. */
  stop(): void {
    for (const due of [...this.#heap.splice(0), ...this.#round]) due.heapIndex = UNSET;
    this.#disarm();
  }

  #arm(at: number): void {
    this.#disarm();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => this.#fire(), Math.max(0, at - this.#clock.now()));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    // Taken out first, all of them: one that sets itself to a time that has passed must not run in this round again.
    const now = this.#clock.now();
    this.#round = [];
    for (let first = this.#heap[0]; first !== undefined && first.dueAt <= now; first = this.#heap[0]) {
      this.clear(first);
      first.heapIndex = FIRING;
      this.#round.push(first);
    }
    for (const due of this.#round) {
      if (due.heapIndex !== FIRING) continue; // cleared or set anew by one before it
      due.heapIndex = UNSET;
      try {
        this.#onDue(due);
      } catch (error) {
        // Not here: the others are due too. And not swallowed: it is a bug.
        this.#clock.soon(() => {
          throw error;
        });
      }
    }
    this.#round = [];
    const next = this.#heap[0];
    if (next !== undefined && next.dueAt < this.#timerAt) this.#arm(next.dueAt);
  }

  #rise(due: T, from: number): void {
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex] as T;
      if (parent.dueAt <= due.dueAt) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(due, index);
  }

  #sink(due: T, from: number): void {
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = this.#heap[childIndex];
      if (child === undefined) break;
      const other = this.#heap[childIndex + 1];
      if (other !== undefined && other.dueAt < child.dueAt) {
        child = other;
        childIndex += 1;
      }
      if (child.dueAt >= due.dueAt) break;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(due, index);
  }

  #place(due: T, index: number): void {
    this.#heap[index] = due;
    due.heapIndex = index;
  }
}
