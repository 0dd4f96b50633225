/** How often somebody who does many things in a row looks at the clock: a look costs as much as the shortest of them. */

/** While they take no time to speak of, so many are done between two looks. */
const UNWATCHED = 7;
/** So short are they then, together. */
const SHORT_MS = 0.05;

export class Pace {
  #looked: number;
  #left = 0; // so many more before the next look
  #unwatched = 0; // and so many after it

  constructor(now: number) {
    this.#looked = now;
  }

  /** Before, and after, each: true if this one is to be watched. */
  get isWatched(): boolean {
    return this.#left === 0;
  }

  /** One was done that is not watched. */
  pass(): void {
    this.#left -= 1;
  }

  /** One was done that is. */
  read(now: number): void {
    this.#unwatched = now - this.#looked < SHORT_MS ? Math.min(2 * this.#unwatched + 1, UNWATCHED) : 0;
    this.#looked = now;
    this.#left = this.#unwatched;
  }
}
