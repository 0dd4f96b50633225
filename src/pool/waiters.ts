/**
 * Promises for a state of the pool (`ready`, `idle`, `room`). Each keeps the process alive while it
 * is pending. Whoever changes the state calls `check`.
 */
import { type Deferred, deferred } from '../shared/deferred.js';
import type { Clock } from '../shared/platform.js';

/** Returns true to resolve, an error to reject, and false to keep waiting. */
export type Condition = () => boolean | Error;

export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<Deferred<void>, Condition>();
  readonly #watching = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  until(condition: Condition): Promise<void> {
    const waiter = deferred<void>();
    this.#clock.hold();
    this.#waiting.set(waiter, condition);
    this.check();
    return waiter.promise;
  }

  /**
   * Calls back after every change, in the middle of a decision, until the returned function is
   * called. Does not keep the process alive.
   */
  watch(onChange: () => void): () => void {
    this.#watching.add(onChange);
    return () => this.#watching.delete(onChange);
  }

  /** Checks every condition, after a change. */
  check(): void {
    for (const onChange of this.#watching) onChange();
    if (this.#waiting.size === 0) return;
    for (const [waiter, condition] of this.#waiting) {
      const answer = condition();
      if (answer === false) continue;
      this.#waiting.delete(waiter);
      this.#clock.release();
      if (answer === true) waiter.resolve();
      else waiter.reject(answer);
    }
  }

  /** Keeps the process alive until the promise settles; returns the promise. */
  hold<T>(promise: Promise<T>): Promise<T> {
    this.#clock.hold();
    const release = (): void => this.#clock.release();
    promise.then(release, release);
    return promise;
  }
}
