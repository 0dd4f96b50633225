/**
 * Watches for the start of tasks that were sent before anyone waited for their start. Their workers
 * were not asked for a message (`Flag.WantStarted`), so one timer reads the control files until the
 * tasks have started.
 */
import type { Clock, Timer } from '../../shared/platform.js';
import type { TaskRecord } from '../task/task-record.js';

const POLL_MS = 1;

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
    }, POLL_MS);
  }

  #check(): void {
    for (const record of this.#watched) {
      const { lease } = record;
      // A task that is back in the queue is sent again, this time with the flag.
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
