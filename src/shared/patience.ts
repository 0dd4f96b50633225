/**
 * Waits for what another process is to do, and gives it up after a while.
 *
 * It is fair to that process: a pause of this one (a long computation, a breakpoint, SIGSTOP) does not count, as
 * both may have stood still together, and whatever has arrived is read before anything is given up.
 */
import type { Clock, Timer } from './platform.js';

/** The time is counted in parts, so that a pause shows: the part in which it fell took longer. */
const PARTS = 8;
const SHORTEST_PART_MS = 10;

export class Patience {
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #turn = 0; // a new one makes the callbacks of the old deaf

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls back when `limitMs` have passed, and one poll phase; Infinity: never. Ends what was waited for before. */
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
      // After the last part nothing is left but what rounding leaves.
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
