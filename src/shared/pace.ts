/**
 * Decides how often a tight loop reads the clock, since a reading costs as much as the shortest
 * step.
 */

/** The most steps between two readings, while the steps are short. */
export const MAX_UNWATCHED = 7;
/** Steps are short if those between two readings take less than this together. */
export const SHORT_MS = 0.05;

export class Pace {
  #readAt: number;
  #left = 0; // steps before the next reading
  #unwatched = 0; // steps after it

  constructor(now: number) {
    this.#readAt = now;
  }

  /** True if the clock is to be read before and after this step. */
  get isWatched(): boolean {
    return this.#left === 0;
  }

  /** A step without a reading has ended. */
  pass(): void {
    this.#left -= 1;
  }

  /** A watched step has ended. */
  read(now: number): void {
    this.#unwatched = now - this.#readAt < SHORT_MS ? Math.min(2 * this.#unwatched + 1, MAX_UNWATCHED) : 0;
    this.#readAt = now;
    this.#left = this.#unwatched;
  }
}
