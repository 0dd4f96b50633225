/**
 * The title of the worker's process: `name: worker 3`, followed by the running task: `name: worker
 * 3 (resize)`.
 *
 * Setting it costs half a microsecond, so it is set only when the name changes, and reset a moment
 * after the last task.
 */
const LINGER_MS = 50;

interface Names {
  nameOf(id: number): string;
}

export class Title {
  readonly #base: string;
  readonly #set: (text: string) => void;
  readonly #later: (callback: () => void, delayMs: number) => void;
  #shown: number | undefined; // the id of the name
  #isIdle = true;
  #isLingering = false;

  constructor(base: string, set: (text: string) => void, later: (callback: () => void, delayMs: number) => void) {
    this.#base = base;
    this.#set = set;
    this.#later = later;
    set(base);
  }

  /** A task starts whose name has this id. */
  running(id: number, names: Names): void {
    this.#isIdle = false;
    if (id === this.#shown) return;
    this.#shown = id;
    this.#set(`${this.#base} (${names.nameOf(id)})`);
  }

  /** No task runs any more. */
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
