/**
 * The progress of one task, on its way to the store: best effort. One value is being written, the
 * latest one waits, and those between are dropped.
 */
export class Progress {
  readonly #limit: number;
  readonly #write: (value: string) => Promise<void>;
  #waiting: string | undefined;
  #isWriting = false;

  /**
   * @param limit longer values are dropped: each is in an event, which every client reads
   * @param write may reject
   */
  constructor(limit: number, write: (value: string) => Promise<void>) {
    this.#limit = limit;
    this.#write = write;
  }

  put(value: string): void {
    if (value.length > this.#limit) return;
    this.#waiting = value;
    if (!this.#isWriting) void this.#writeAll();
  }

  /** The task has ended: what still waits is dropped. */
  stop(): void {
    this.#waiting = undefined;
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    for (let value = this.#waiting; value !== undefined; value = this.#waiting) {
      this.#waiting = undefined;
      try {
        await this.#write(value);
      } catch {
        // The store reports its own errors, and the next value says more than this one.
      }
    }
    this.#isWriting = false;
  }
}
