/**
 * A timeout for something that another process must do.
 *
 * The timeout is fair to that process: a pause of this one (a long computation, a breakpoint,
 * SIGSTOP) does not count, because both may have paused together, and everything that has arrived
 * is read first.
 */
import type { Clock, Timer } from './platform.js';

/** The time is measured in parts, so that a pause shows: its part takes too long. */
const PARTS = 8;
const SHORTEST_PART_MS = 10;

export class Patience {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #turn = 0; // the callbacks of an earlier turn do nothing

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back after `limitMs` and one poll phase; Infinity: never. Ends the wait before it. */
  start(limitMs: number, onOver: () => void): void {
    this.stop();
    if (limitMs === Number.POSITIVE_INFINITY) return;
    this.#wait(limitMs, Math.max(limitMs / PARTS, SHORTEST_PART_MS), onOver);
  }

  stop(): void {
    this.#turn += 1;
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #wait(leftMs: number, partMs: number, onOver: () => void): void {
    const since = this.#clock.now();
    const waitMs = Math.min(partMs, leftMs);
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      const tookMs = this.#clock.now() - since;
      const stillMs = leftMs - (tookMs > 2 * partMs ? waitMs : tookMs);
      // After the last part only a rounding error remains.
      if (waitMs < leftMs && stillMs > 0) this.#wait(stillMs, partMs, onOver);
      else this.#afterPoll(onOver);
    }, waitMs);
  }

  #afterPoll(onOver: () => void): void {
    const turn = this.#turn;
    this.#clock.afterPoll(() => {
      if (turn === this.#turn) onOver();
    });
  }
}
