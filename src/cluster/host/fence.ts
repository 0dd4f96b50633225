/**
 * Decides when a task of a host that is cut off from the store has to end: before the lock does,
 * because then another host may start it (C8).
 *
 * A lock is this host's for `lockMs` from the moment at which its last confirmed renewal was asked
 * for. After a freeze the timer is late; `isPast` is not.
 */
import { Deadlines, type Due } from '../../shared/deadlines.js';
import type { Clock } from '../../shared/platform.js';

/** The rest of the lock is for the kill. */
const SHARE_OF_LOCK = 0.9;

export class Fence<T extends Due> {
  readonly #clock: Clock;
  readonly #periodMs: number;
  readonly #deadlines: Deadlines<T>;

  constructor(clock: Clock, lockMs: number, onPast: (task: T) => void) {
    this.#clock = clock;
    this.#periodMs = lockMs * SHARE_OF_LOCK;
    this.#deadlines = new Deadlines(clock, onPast);
  }

  /** The lock is held since `from`; a call with an earlier time changes nothing. */
  renew(task: T, from: number): void {
    const at = from + this.#periodMs;
    if (task.heapIndex < 0 || at > task.dueAt) this.#deadlines.set(task, at);
  }

  release(task: T): void {
    this.#deadlines.clear(task);
  }

  isPast(task: T): boolean {
    return task.heapIndex < 0 || this.#clock.now() >= task.dueAt;
  }

  stop(): void {
    this.#deadlines.stop();
  }
}
