/** Removes tasks whose outcomes were read from the store, many at a time. */
import type { Timer } from '../../shared/platform.js';
import type { ClientCore } from './client-core.js';
import type { ClientTask } from './task-record.js';

const MOST = 500;
const DELAY_MS = 50;

export class Discards {
  readonly #core: ClientCore;
  #ids: string[] = [];
  #timer: Timer | undefined;
  #isRunning = false;

  constructor(core: ClientCore) {
    this.#core = core;
  }

  get isIdle(): boolean {
    return this.#ids.length === 0 && !this.#isRunning;
  }

  /** Before the task settles: a client that closes leaves when its last task has settled. */
  add(record: ClientTask): void {
    if (record.isKept) return;
    this.#ids.push(record.id);
    if (this.#timer !== undefined || this.#isRunning) return;
    this.#core.hold(); // for the timer
    this.#timer = this.#core.clock.setTimer(() => this.flush(), DELAY_MS);
  }

  /** Now. */
  flush(): void {
    const timer = this.#timer;
    this.#timer = undefined;
    if (!this.#isRunning && this.#ids.length > 0) {
      this.#isRunning = true;
      this.#core.run('the removal of results', () => this.#run());
    }
    if (timer === undefined) return;
    this.#core.clock.clearTimer(timer);
    this.#core.release();
  }

  async #run(): Promise<void> {
    const { store, waiters } = this.#core;
    while (this.#ids.length > 0) {
      const ids = this.#ids.splice(0, MOST);
      await this.#core.ask(() => store.discard(ids));
    }
    this.#isRunning = false;
    waiters.check();
  }
}
