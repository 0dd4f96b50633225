/**
 * The end of a pool: close, terminate and kill, from the weakest to the strongest. A stronger call
 * overtakes a weaker one under way. First every pending task settles, then every worker leaves.
 */

import { type Deferred, deferred } from '../shared/deferred.js';
import { TaskCancelledError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import type { Timer } from '../shared/platform.js';
import type { PoolLifeState } from '../supervisor/pool-state.js';
import type { PoolContext } from './pool-context.js';
import { aboutTask } from './settle/error-messages.js';
import type { Ending, TaskRecord } from './task/task-record.js';

/** A call takes effect only if it is stronger than the present state. */
const STRENGTH: Record<PoolLifeState, number> = { open: 0, broken: 0, closing: 1, leaving: 1, terminating: 2, killing: 3, closed: 4 };

export class Shutdown {
  readonly #core: PoolContext;
  #graceMs: number | undefined;
  #timer: Timer | undefined;
  #done: Deferred<void> | undefined;

  constructor(core: PoolContext) {
    this.#core = core;
  }

  close(options: { cancelQueued: boolean; timeoutMs: number | undefined }): Promise<void> {
    const done = this.#begin('closing');
    if (this.#state === 'closing' || this.#state === 'leaving') {
      if (options.cancelQueued) {
        for (const record of [...this.#core.queue, ...this.#core.waiting])
          this.#end(record, 'cancel', 'its pool was closed with cancelQueued');
      }
      if (options.timeoutMs !== undefined) {
        if (this.#timer !== undefined) this.#core.clock.clearTimer(this.#timer);
        const { clock } = this.#core;
        // Results that are in the pipes by then still count: read them first.
        this.#timer = clock.setTimer(() => clock.afterPoll(() => void this.terminate({ graceMs: undefined })), options.timeoutMs);
      }
      this.#core.dispatcher.resume();
      this.#leaveIfIdle();
    }
    return done;
  }

  terminate(options: { graceMs: number | undefined }): Promise<void> {
    const done = this.#begin('terminating');
    if (this.#state === 'terminating') {
      this.#graceMs = options.graceMs;
      this.#core.supervisor.endIdle(options.graceMs);
      for (const record of [...this.#core.records()]) this.#end(record, 'cancel', 'its pool was terminated');
      this.#leaveIfIdle();
    }
    return done;
  }

  kill(): Promise<void> {
    const done = this.#begin('killing');
    if (this.#state === 'killing') {
      for (const record of [...this.#core.records()]) this.#end(record, 'kill', 'its pool was killed');
      this.#endWorkers('kill');
    }
    return done;
  }

  /** The last task has settled. */
  onIdle(): void {
    this.#leaveIfIdle();
  }

  get #state(): PoolLifeState {
    return this.#core.poolState.state;
  }

  #begin(end: 'closing' | 'terminating' | 'killing'): Promise<void> {
    if (this.#done === undefined) {
      this.#done = deferred();
      this.#core.waiters.hold(this.#done.promise).catch(ignore);
    }
    if (STRENGTH[end] > STRENGTH[this.#state]) {
      this.#core.poolState.become(end);
      this.#core.supervisor.recovery.stopProbing();
      this.#core.waiters.check();
    }
    return this.#done.promise;
  }

  #end(record: TaskRecord, how: 'cancel' | 'kill', why: string): void {
    this.#core.cancellation.end(record, this.#ending(record, why), how, this.#graceMs);
  }

  /** The ending of a task that this shutdown did not find among the pool's tasks. */
  endingOf(record: TaskRecord): Ending {
    return this.#ending(record, this.#state === 'killing' ? 'its pool was killed' : 'its pool was terminated');
  }

  #ending(record: TaskRecord, why: string): Ending {
    const reason = new Error(why);
    const error = (isForced: boolean): TaskCancelledError =>
      new TaskCancelledError(`${aboutTask(record)} was cancelled: ${why}`, { reason, forced: isForced });
    return { at: this.#core.clock.now(), state: 'cancelled', error, reason };
  }

  #leaveIfIdle(): void {
    if (this.#core.outstanding > 0 || this.#core.poolState.isOpen || this.#state === 'killing') return;
    this.#endWorkers('leave');
  }

  #endWorkers(how: 'leave' | 'kill'): void {
    if (this.#state === 'closing') this.#core.poolState.become('leaving');
    this.#core.supervisor.end(how, this.#graceMs).then(
      () => this.#finish(),
      (error) => this.#finish(error),
    );
  }

  #finish(error?: unknown): void {
    if (this.#state === 'closed' || this.#done === undefined) return;
    const core = this.#core;
    core.poolState.become('closed');
    if (this.#timer !== undefined) core.clock.clearTimer(this.#timer);
    core.dispatcher.stop();
    core.recycling.stop();
    core.autoscaler.stop();
    core.deadlines.stop();
    core.startWatch.stop();
    core.supervisor.stop();
    core.events.emit('closed', {});
    core.waiters.check();
    if (error === undefined) this.#done.resolve();
    else this.#done.reject(error);
  }
}
