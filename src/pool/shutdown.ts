/**
 * The end of a pool: close, terminate, kill, each stronger than the one before; a stronger one
 * upgrades a weaker one under way. Every pending task settles, and then every worker goes.
 */

import { type Deferred, deferred } from '../shared/deferred.js';
import { TaskCancelledError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import type { Timer } from '../shared/platform.js';
import type { PoolContext } from './pool-context.js';
import { aboutTask } from './settle/error-messages.js';
import type { Ending, TaskRecord } from './task/task-record.js';

type Stage = 'open' | 'closing' | 'terminating' | 'killing' | 'ended';
const ORDER: Record<Stage, number> = { open: 0, closing: 1, terminating: 2, killing: 3, ended: 4 };

export class Shutdown {
  readonly #core: PoolContext;
  /** From `closing` on it takes no new tasks. */
  stage: Stage = 'open';
  /** Tasks may wait for a start: it does not end those that it has, and its workers have not been sent away. */
  takesTasks = true;
  #graceMs: number | undefined;
  #timer: Timer | undefined;
  #done: Deferred<void> | undefined;

  constructor(core: PoolContext) {
    this.#core = core;
  }

  close(options: { cancelQueued: boolean; timeoutMs: number | undefined }): Promise<void> {
    const done = this.#begin('closing');
    if (this.stage === 'closing') {
      if (options.cancelQueued) {
        for (const record of [...this.#core.queue, ...this.#core.waiting])
          this.#end(record, 'cancel', 'its pool was closed with cancelQueued');
      }
      if (options.timeoutMs !== undefined) {
        if (this.#timer !== undefined) this.#core.clock.clearTimer(this.#timer);
        const { clock } = this.#core;
        // The results that are in the pipes by then are read first.
        this.#timer = clock.setTimer(() => clock.afterPoll(() => void this.terminate({ graceMs: undefined })), options.timeoutMs);
      }
      this.#core.dispatcher.resume();
      this.#leaveIfIdle();
    }
    return done;
  }

  terminate(options: { graceMs: number | undefined }): Promise<void> {
    const done = this.#begin('terminating');
    if (this.stage === 'terminating') {
      this.#graceMs = options.graceMs;
      this.#core.supervisor.endIdle(options.graceMs);
      for (const record of [...this.#core.records()]) this.#end(record, 'cancel', 'its pool was terminated');
      this.#leaveIfIdle();
    }
    return done;
  }

  kill(): Promise<void> {
    const done = this.#begin('killing');
    if (this.stage === 'killing') {
      for (const record of [...this.#core.records()]) this.#end(record, 'kill', 'its pool was killed');
      this.#endWorkers('kill');
    }
    return done;
  }

  /** The last task has settled. */
  onIdle(): void {
    this.#leaveIfIdle();
  }

  #begin(stage: Stage): Promise<void> {
    if (this.#done === undefined) {
      this.#done = deferred();
      this.#core.waiters.hold(this.#done.promise).catch(ignore);
    }
    if (ORDER[stage] > ORDER[this.stage]) {
      this.stage = stage;
      if (stage !== 'closing') this.takesTasks = false;
      this.#core.supervisor.beginClosing();
      this.#core.waiters.check();
    }
    return this.#done.promise;
  }

  #end(record: TaskRecord, how: 'cancel' | 'kill', why: string): void {
    this.#core.cancellation.end(record, this.#ending(record, why), how, this.#graceMs);
  }

  /** Of one that it has not found among its tasks. */
  endingOf(record: TaskRecord): Ending {
    return this.#ending(record, this.stage === 'killing' ? 'its pool was killed' : 'its pool was terminated');
  }

  #ending(record: TaskRecord, why: string): Ending {
    const reason = new Error(why);
    const error = (isForced: boolean): TaskCancelledError =>
      new TaskCancelledError(`${aboutTask(record)} was cancelled: ${why}`, { reason, forced: isForced });
    return { at: this.#core.clock.now(), state: 'cancelled', error, reason };
  }

  #leaveIfIdle(): void {
    if (this.#core.outstanding > 0 || this.stage === 'open' || this.stage === 'killing') return;
    this.#endWorkers('leave');
  }

  #endWorkers(how: 'leave' | 'kill'): void {
    this.takesTasks = false;
    this.#core.supervisor.end(how, this.#graceMs).then(
      () => this.#finish(),
      (error) => this.#finish(error),
    );
  }

  #finish(error?: unknown): void {
    if (this.stage === 'ended' || this.#done === undefined) return;
    this.stage = 'ended';
    const core = this.#core;
    if (this.#timer !== undefined) core.clock.clearTimer(this.#timer);
    core.dispatcher.stop();
    core.recycling.stop();
    core.autoscaler.stop();
    core.deadlines.stop();
    core.startWatch.stop();
    core.supervisor.closed();
    core.events.emit('closed', {});
    core.waiters.check();
    if (error === undefined) this.#done.resolve();
    else this.#done.reject(error);
  }
}
