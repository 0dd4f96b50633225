/** Promises for a state of the pool (`ready`, `idle`, `room`): each keeps the process alive while it is pending. */
import { type Deferred, deferred } from '../shared/deferred.js';
import type { Clock } from '../shared/platform.js';

/** True: resolve. An error: reject. False: go on waiting. */
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

  /** Calls back after every change, in the middle of a decision, until the function it gives is called. Keeps nothing alive. */
  watch(onChange: () => void): () => void {
    this.#watching.add(onChange);
    return () => this.#watching.delete(onChange);
  }

  /** Something has changed. */
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

  /** The same promise, keeping the process alive until it has settled. */
  hold<T>(promise: Promise<T>): Promise<T> {
    this.#clock.hold();
    const release = (): void => this.#clock.release();
    promise.then(release, release);
    return promise;
  }
}
