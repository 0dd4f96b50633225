/**
 * Ends the requested tasks and no others (G5, G6).
 *
 * A task that has not started never starts. For a running task, its signal fires first; when the
 * grace is over, its worker is killed, if the same attempt still runs there.
 */
import { type Encoded, encode } from '../../ipc/codec/codec.js';
import { TaskCancelledError } from '../../shared/errors.js';
import { because } from '../../shared/program.js';
import { OVERTAKEN_MS } from '../dispatch/worker-leases.js';
import type { PoolContext, TaskCancellation } from '../pool-context.js';
import type { Ending, Lease, TaskRecord } from '../task/task-record.js';
import { aboutTask } from './error-messages.js';

export class Cancellation implements TaskCancellation {
  readonly #core: PoolContext;

  constructor(core: PoolContext) {
    this.#core = core;
  }

  cancel(record: TaskRecord, reason: unknown): Promise<void> {
    this.end(record, this.#cancellation(record, reason), 'cancel');
    return this.#core.settlement.whenOver(record);
  }

  kill(record: TaskRecord, reason: unknown): Promise<void> {
    this.end(record, this.#cancellation(record, reason), 'kill');
    return this.#core.settlement.whenOver(record);
  }

  /**
   * The task's AbortSignal fired: like `cancel`, but the task rejects with the reason of the
   * signal.
   */
  abort(record: TaskRecord, reason: unknown): void {
    this.end(record, { at: this.#core.clock.now(), state: 'cancelled', error: () => reason, reason }, 'cancel');
  }

  #cancellation(record: TaskRecord, reason: unknown): Ending {
    // Now, because it may run code of the program; later it would run in the middle of a decision.
    const why = because(reason);
    const error = (isForced: boolean): TaskCancelledError => {
      const how = isForced ? 'was cancelled; it did not stop in time, so its worker was killed' : 'was cancelled';
      return new TaskCancelledError(`${aboutTask(record)} ${how}${why}`, { reason, forced: isForced });
    };
    return { at: this.#core.clock.now(), state: 'cancelled', error, reason };
  }

  /** Ends the task if it has not started; then it never does. Returns false if it may have. */
  withdraw(record: TaskRecord): boolean {
    const { lease } = record;
    if (record.isSettled || (lease !== undefined && lease.holder?.withdraw(lease) !== true)) return false;
    record.ending ??= this.#cancellation(record, undefined);
    this.#settle(record);
    return true;
  }

  /** The first reason stays. A later call can only shorten the grace; `kill` ends it. */
  end(record: TaskRecord, ending: Ending, how: 'cancel' | 'kill', graceMs?: number): void {
    const core = this.#core;
    // First, because it may run code of the program: the state is read afterwards.
    const reason = record.lease === undefined || record.ending !== undefined ? undefined : encodedReason(ending.reason);
    const isNew = record.ending === undefined;
    if (record.isSettled) return;
    if (!isNew && how === 'cancel') {
      const overAt = core.clock.now() + (graceMs ?? Number.POSITIVE_INFINITY);
      if (record.heapIndex >= 0 && overAt < record.dueAt) core.deadlines.set(record, overAt);
      return;
    }
    record.ending ??= ending;
    if (record.state === 'new' || record.state === 'queued' || record.state === 'waiting') {
      this.#settle(record);
      return;
    }
    const { lease } = record;
    const holder = lease?.holder;
    if (lease === undefined || holder === undefined) return; // its attempt is just ending
    if (isNew && holder.withdraw(lease)) {
      this.#settle(record);
      return;
    }
    lease.target ??= 'cancel';
    if (how === 'kill') {
      this.forceEnd(lease);
      return;
    }
    core.deadlines.set(record, core.clock.now() + (graceMs ?? core.options.graceMs));
    holder.abort(lease, 'cancel', reason);
    holder.withdrawAhead();
  }

  /** Settles a task that is not with a worker. */
  #settle(record: TaskRecord): void {
    const core = this.#core;
    core.queue.remove(record);
    try {
      core.settlement.end(record);
    } catch (error) {
      core.settlement.failInternally(record, error);
    }
    core.waiters.check();
  }

  /**
   * Kills the worker for this attempt, unless the attempt has just ended: then its reply is on its
   * way, for a limited time.
   */
  forceEnd(lease: Lease): void {
    const holder = lease.holder;
    if (holder === undefined) return;
    if (!holder.mayKillFor(lease)) {
      this.#core.deadlines.set(lease.record, this.#core.clock.now() + OVERTAKEN_MS);
      return;
    }
    lease.record.reaped = holder.worker.whenReaped();
    holder.worker.kill();
  }

  /** The grace of a cancelled task is over. A reply that is already in the pipe is read first. */
  onGraceOver(record: TaskRecord): void {
    const lease = record.lease;
    this.#core.clock.afterPoll(() => {
      if (lease !== undefined && record.lease === lease) this.forceEnd(lease);
    });
  }
}

function encodedReason(reason: unknown): Encoded | undefined {
  if (reason === undefined) return undefined;
  try {
    return encode(reason);
  } catch {
    return undefined; // it cannot travel: the worker's signal gets its default reason
  }
}
