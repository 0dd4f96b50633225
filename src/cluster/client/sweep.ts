/**
 * Reads from the store what no event has reported (C11): every `sweepMs` the oldest tasks first,
 * until a hundred in a row have not ended, and a hundred others in turn, so that a client with many
 * tasks asks for few. Tasks about which an event was odd are read soon, and all once when no task
 * has ended for a moment: the last ones of a batch would have to wait for the next sweep otherwise.
 */
import type { Timer } from '../../shared/platform.js';
import type { ClientCore } from './client-core.js';
import type { ClientTask } from './task-record.js';

const WINDOW = 100;
/** How long odd events are gathered. */
const SOON_MS = 20;
/** No task has ended for this time: the last ones may have ended without an event. */
const QUIET_MS = 250;

export class Sweep {
  readonly #core: ClientCore;
  /** Every task that the store has, the oldest first. */
  readonly #stored = new Set<ClientTask>();
  readonly #suspects = new Set<ClientTask>();
  #rotation: Iterator<ClientTask> | undefined;
  readonly #regular: Repeated;
  readonly #odd: Repeated;
  readonly #quiet: Repeated;
  #endedAt = 0;

  constructor(core: ClientCore) {
    this.#core = core;
    this.#regular = new Repeated(core, () => this.#run());
    this.#odd = new Repeated(core, () => this.#readSuspects());
    this.#quiet = new Repeated(core, () => this.#waitForQuiet());
  }

  /** The store has the task. */
  watch(record: ClientTask): void {
    record.become('stored', this.#core.story);
    this.#stored.add(record);
    this.#regular.schedule(this.#core.options.sweepMs);
  }

  drop(record: ClientTask): void {
    this.#suspects.delete(record);
    if (!this.#stored.delete(record) || this.#stored.size === 0) return;
    this.#endedAt = this.#core.clock.now();
    this.#quiet.schedule(QUIET_MS);
  }

  /** Reads it soon. */
  suspect(record: ClientTask): void {
    if (!this.#stored.has(record)) return;
    this.#suspects.add(record);
    this.#odd.schedule(SOON_MS);
  }

  /** The next one comes now. */
  soon(): void {
    if (this.#stored.size > 0) this.#regular.schedule(0);
  }

  stop(): void {
    this.#regular.stop();
    this.#odd.stop();
    this.#quiet.stop();
  }

  async #waitForQuiet(): Promise<number | undefined> {
    const restMs = this.#endedAt + QUIET_MS - this.#core.clock.now();
    if (restMs > 0) return restMs;
    this.soon();
    return undefined;
  }

  async #readSuspects(): Promise<number | undefined> {
    const suspects = [...this.#suspects];
    this.#suspects.clear();
    for (let at = 0; at < suspects.length; at += WINDOW) await this.read(suspects.slice(at, at + WINDOW));
    return this.#suspects.size > 0 ? SOON_MS : undefined;
  }

  async #run(): Promise<number | undefined> {
    const oldest = this.#stored.values();
    for (let inARow = 0; inARow < WINDOW; ) {
      const records = take(oldest);
      if (records.length === 0) break;
      for (const hasEnded of await this.read(records)) inARow = hasEnded ? 0 : inARow + 1;
    }
    if (this.#stored.size > WINDOW) {
      this.#rotation ??= this.#stored.values();
      const others = take(this.#rotation);
      if (others.length < WINDOW) this.#rotation = undefined;
      await this.read(others);
    }
    return this.#stored.size > 0 ? this.#core.options.sweepMs : undefined;
  }

  /** Returns, of each, whether it has ended. */
  async read(records: readonly ClientTask[]): Promise<boolean[]> {
    const core = this.#core;
    const asked = records.filter((record) => record.isStored);
    if (asked.length === 0) return records.map(() => true);
    const ids = asked.map(({ id }) => id);
    const statuses = await core.ask(() => core.store.statuses(ids));
    return asked.map((record, index) => {
      core.settlement.apart(record, () => core.outcomes.onStatus(record, statuses[index] ?? { state: 'unfinished' }));
      return !record.isStored;
    });
  }
}

function take(iterator: Iterator<ClientTask>): ClientTask[] {
  const records: ClientTask[] = [];
  while (records.length < WINDOW) {
    const { value, done } = iterator.next();
    if (done === true) break;
    records.push(value);
  }
  return records;
}

/** Work that is repeated after a time, and never runs twice at a time. */
class Repeated {
  readonly #core: ClientCore;
  readonly #work: () => Promise<number | undefined>;
  #timer: Timer | undefined;
  #at = 0;
  #isRunning = false;

  /** @param work returns the time until it is to be done again */
  constructor(core: ClientCore, work: () => Promise<number | undefined>) {
    this.#core = core;
    this.#work = work;
  }

  /** Unless it comes sooner anyway. */
  schedule(delayMs: number): void {
    const { clock, state } = this.#core;
    const at = clock.now() + delayMs;
    if (this.#isRunning || state === 'closed' || (this.#timer !== undefined && this.#at <= at)) return;
    this.stop();
    this.#at = at;
    this.#timer = clock.setTimer(() => this.#start(), delayMs);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#core.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    this.#timer = undefined;
    this.#isRunning = true;
    this.#core.run('a sweep', async () => {
      let next: number | undefined = this.#core.options.sweepMs;
      try {
        next = await this.#work();
      } finally {
        this.#isRunning = false;
        if (next !== undefined) this.schedule(next);
      }
    });
  }
}
