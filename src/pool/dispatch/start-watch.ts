/**
 * The tasks whose start someone waits for, and that were sent before anyone did: their workers were not asked to say when they
 * start them (`Flag.WantStarted`), so their notes are read until they have. One timer for all.
 */
import type { Clock, Timer } from '../../shared/platform.js';
import type { TaskRecord } from '../task/task-record.js';

const LOOK_MS = 1;

export class StartWatch {
  readonly #clock: Clock;
  readonly #watched = new Set<TaskRecord>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(record: TaskRecord): void {
    this.#watched.add(record);
    this.#arm();
  }

  #arm(): void {
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.#check();
    }, LOOK_MS);
  }

  #check(): void {
    for (const record of this.#watched) {
      const { lease } = record;
      // One that came back to the queue is sent again, and then its worker says it.
      if (lease?.holder === undefined || lease.holder.hasStarted(lease)) this.#watched.delete(record);
    }
    if (this.#watched.size > 0) this.#arm();
  }

  stop(): void {
    this.#watched.clear();
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
