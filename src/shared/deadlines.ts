/**
 * All deadlines of a pool behind one timer.
 *
 * The timer only ever moves to an earlier time. When the earliest deadline is cleared or postponed,
 * the timer stays and finds nothing due: a task that ends before its deadline costs a step in a
 * heap, not a timer.
 */
import { type HeapItem, IndexedHeap } from './indexed-heap.js';
import type { Clock, Timer } from './platform.js';

/** An item with a deadline; only `Deadlines` writes the two numbers. */
export interface Due extends HeapItem {
  /** On the clock's `now()`. */
  dueAt: number;
}

const UNSET = -1;
/** The item fires in the current round, unless an earlier one clears it or sets it anew. */
const FIRING = -2;

export class Deadlines<T extends Due> {
  readonly #clock: Clock;
  readonly #onDue: (due: T) => void;
  readonly #heap: IndexedHeap<T> = new IndexedHeap<T>((one, other) => one.dueAt < other.dueAt);
  /** The items that fire in the current round. */
  #round: T[] = [];
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  /**
   * @param onDue called when a deadline has passed, which is then no longer set; may set or clear
   * any deadline, including that one
   */
  constructor(clock: Clock, onDue: (due: T) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** The number of deadlines that are set. */
  get size(): number {
    return this.#heap.size;
  }

  /** Sets the deadline of an item, or moves it. Infinity: never. */
  set(due: T, at: number): void {
    // NaN compares with nothing: a single one would leave the whole heap out of order.
    if (Number.isNaN(at)) throw new RangeError('a deadline cannot be NaN');
    if (at === Number.POSITIVE_INFINITY) {
      this.clear(due);
      return;
    }
    due.dueAt = at;
    if (due.heapIndex < 0) this.#heap.add(due);
    else this.#heap.update(due);
    if (at < this.#timerAt) this.#arm(at);
  }

  /** Clears the deadline of an item, if it has one. */
  clear(due: T): void {
    if (due.heapIndex >= 0) this.#heap.remove(due);
    else due.heapIndex = UNSET;
  }

  /** Clears all deadlines and the timer. */
  stop(): void {
    this.#heap.clear();
    for (const due of this.#round) due.heapIndex = UNSET;
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
    // All are taken out first: an item that sets itself to a time in the past must not fire twice
    // in this round.
    const now = this.#clock.now();
    this.#round = [];
    for (let first = this.#heap.first; first !== undefined && first.dueAt <= now; first = this.#heap.first) {
      this.#heap.remove(first);
      first.heapIndex = FIRING;
      this.#round.push(first);
    }
    for (const due of this.#round) {
      if (due.heapIndex !== FIRING) continue; // an earlier one has cleared it or set it anew
      due.heapIndex = UNSET;
      try {
        this.#onDue(due);
      } catch (error) {
        // Thrown later, because the others are due too, and not swallowed, because it is a bug.
        this.#clock.soon(() => {
          throw error;
        });
      }
    }
    this.#round = [];
    const next = this.#heap.first;
    if (next !== undefined && next.dueAt < this.#timerAt) this.#arm(next.dueAt);
  }
}
