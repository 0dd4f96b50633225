/**
 * The title of the worker's process: `name: worker 3`, and behind it the task that runs: `name: worker 3 (resize)`.
 *
 * Setting it costs half a microsecond, so it is set when the name changes, and taken back a moment after the last task.
 */
const LINGER_MS = 50;

export class Title {
  readonly #base: string;
  readonly #set: (text: string) => void;
  readonly #later: (callback: () => void, delayMs: number) => void;
  #shown: string | undefined;
  #isIdle = true;
  #isLingering = false;

  constructor(base: string, set: (text: string) => void, later: (callback: () => void, delayMs: number) => void) {
    this.#base = base;
    this.#set = set;
    this.#later = later;
    set(base);
  }

  /** A task of that name starts. */
  running(name: string): void {
    this.#isIdle = false;
    if (name === this.#shown) return;
    this.#shown = name;
    this.#set(`${this.#base} (${name})`);
  }

  /** None runs any more. */
  idle(): void {
    this.#isIdle = true;
    if (this.#isLingering) return;
    this.#isLingering = true;
    this.#later(() => {
      this.#isLingering = false;
      if (!this.#isIdle || this.#shown === undefined) return;
      this.#shown = undefined;
      this.#set(this.#base);
    }, LINGER_MS);
  }
}
