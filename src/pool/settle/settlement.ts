/**
 * Decides what happens to a task when an attempt has ended: by a reply, by the death of the worker,
 * or without a start. Only this file settles a task (G1) or sends it back to the queue (G2, G3).
 */

import { decode, describe } from '../../ipc/codec/codec.js';
import { passOn } from '../../ipc/codec/pass-on.js';
import { Flag, FrameType, type Message } from '../../ipc/frame.js';
import { runMsOf } from '../../ipc/messages.js';
import { release } from '../../ipc/spare-memory.js';
import { deferred } from '../../shared/deferred.js';
import { EverpoolError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import { guarded, reportThrown } from '../../shared/program.js';
import type { Death } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { PoolContext, TaskSettlement } from '../pool-context.js';
import { addCaller } from '../task/submission-stack.js';
import { observe } from '../task/task-durations.js';
import { AS_BYTES, failuresOf, type Lease, pastOf, type TaskRecord, toAttempt } from '../task/task-record.js';
import { areSentAgain, partsAtDeath } from './chunk-parts.js';
import { aboutTask, diedError, timeoutError, unreadableError } from './error-messages.js';
import { afterDeath } from './orphan-policy.js';
import { thrownOf } from './thrown.js';

const NONE: readonly Buffer[] = [];

export class Settlement implements TaskSettlement {
  readonly #core: PoolContext;

  constructor(core: PoolContext) {
    this.#core = core;
  }

  // ---- the ends of an attempt

  onStarted(lease: Lease): void {
    const { record } = lease;
    const core = this.#core;
    if (record.state === 'sent') record.become('running', core.story);
    if (record.starts === 1) core.queueMs.record(lease.startedAt - record.submittedAt);
    if (record.started !== undefined && record.starts === 1) record.started.resolve(toAttempt(lease, core.clock.epoch));
    if (core.events.has('taskStarted')) {
      core.events.emit('taskStarted', {
        taskId: record.id,
        name: record.name.name,
        attempt: lease.number,
        workerId: lease.workerId,
        ...tagOf(record),
      });
    }
  }

  onReply(lease: Lease, message: Message, worker: Worker): void {
    const runMs = runMsOf(message) / lease.items;
    observe(lease.record.name, runMs);
    this.#core.runMs.record(runMs, lease.items);
    if (message.type === FrameType.Result) this.#onResult(lease, message);
    else this.#onFailure(lease, message, worker);
  }

  #onResult(lease: Lease, message: Message): void {
    const { record } = lease;
    // It was cancelled before its worker replied.
    if (record.ending !== undefined && message.time >= record.ending.at) {
      lease.outcome = 'cancelled';
      this.#end(record, false);
      return;
    }
    let value: unknown;
    try {
      const { codec, body, attachments } = message;
      value = (record.flags & AS_BYTES) === 0 ? decode(codec, body, attachments) : passOn(codec, body, attachments);
    } catch (cause) {
      lease.outcome = 'error';
      this.fail(record, unreadableError(record, 'its result', cause));
      return;
    }
    lease.outcome = 'ok';
    this.#finish(record, 'succeeded');
    record.settler.resolve(value, record);
  }

  #onFailure(lease: Lease, message: Message, worker: Worker): void {
    const { record } = lease;
    if (record.ending !== undefined && message.time >= record.ending.at) {
      lease.outcome = 'cancelled';
      this.#end(record, false);
      return;
    }
    lease.outcome = 'error';
    if ((message.flags & Flag.Undecodable) !== 0 && areSentAgain(this.#core, lease, worker)) return;
    const { error, mayRetry } = thrownOf(record, message);
    // A task that was cancelled meanwhile is not started again (G6).
    if (!mayRetry || mustNotRepeat(record) || (record.past?.errors ?? 0) >= record.options.retries.error)
      this.#fail(record, error, mayRetry);
    else if (record.ending !== undefined) this.#end(record, false);
    else {
      pastOf(record).errors += 1;
      this.#retry(lease, error);
    }
  }

  onUnreadableValue({ record }: Lease, cause: unknown): void {
    const error = unreadableError(record, 'a value of its stream', cause);
    this.#core.cancellation.end(record, { at: this.#core.clock.now(), state: 'failed', error: () => error, reason: error }, 'cancel');
  }

  /** The attempt never started. */
  onWithdrawn(lease: Lease): void {
    const { record } = lease;
    record.lease = undefined;
    if (record.ending !== undefined) this.#end(record, false);
    else if (lease.target === 'timeout') this.#timedOut(lease);
    else this.#core.enqueue(record, 'front');
  }

  onOrphaned(lease: Lease, death: Death, worker: Worker): void {
    // In reverse: each part then goes to the very front of the queue (G14).
    const parts = partsAtDeath(lease, worker).reverse();
    for (const part of parts) {
      try {
        this.#orphaned(part, death, worker);
      } catch (error) {
        this.failInternally(part.record, error);
      }
    }
    if (parts.length > 0) return;
    this.#finish(lease.record, 'succeeded'); // all results had arrived
    lease.record.settler.resolve(undefined, lease.record);
  }

  #orphaned(lease: Lease, death: Death, worker: Worker): void {
    const { record } = lease;
    const { retries } = record.options;
    const { crashes = 0, timeouts = 0 } = record.past ?? {};
    const decision = afterDeath({
      started: lease.hasStarted,
      target: record.ending !== undefined ? 'cancel' : lease.target,
      crashRetriesLeft: mustNotRepeat(record) ? 0 : retries.crash - crashes,
      timeoutRetriesLeft: mustNotRepeat(record) ? 0 : retries.timeout - timeouts,
    });
    if (lease.hasStarted) {
      record.reaped = worker.whenReaped(); // callers that ended it wait for that (G7)
      lease.outcome = decision === 'cancelled' ? 'cancelled' : lease.target === 'timeout' ? 'timeout' : 'orphaned';
      record.name.shortStreak = 0;
    } else record.lease = undefined;
    switch (decision) {
      case 'redispatch':
        this.#core.enqueue(record, 'front');
        return;
      case 'cancelled':
        this.#end(record, lease.target === 'cancel' || lease.hasStarted);
        return;
      case 'timeout':
      case 'retry-timeout':
        this.#timedOut(lease);
        return;
      case 'retry-crash':
        pastOf(record).crashes += 1;
        this.#retry(lease, diedError(record, death, this.#core.clock.epoch), death.requested ? 'front' : 'back');
        return;
      case 'died':
        this.fail(record, diedError(record, death, this.#core.clock.epoch));
        return;
    }
  }

  #timedOut(lease: Lease): void {
    const { record } = lease;
    const error = timeoutError(record, lease);
    if (!mustNotRepeat(record) && (record.past?.timeouts ?? 0) < record.options.retries.timeout) {
      pastOf(record).timeouts += 1;
      this.#retry(lease, error);
    } else this.fail(record, error);
  }

  #retry(lease: Lease, cause: unknown, where: 'front' | 'back' = 'back'): void {
    const core = this.#core;
    const { record } = lease;
    if (lease.hasStarted) pastOf(record).attempts.push(lease);
    record.lease = undefined;
    record.sink?.lost();
    record.isSoftPast = false;
    core.deadlines.clear(record);
    core.counts.retried += 1;
    if (core.events.has('taskRetried')) {
      core.events.emit('taskRetried', {
        taskId: record.id,
        name: record.name.name,
        attempt: record.totalStarts + 1,
        cause: cause as Error,
      });
    }
    const { delayMs } = record.options.retries;
    if (delayMs === 0 || !core.mayGoOn(record)) {
      core.enqueue(record, where);
      return;
    }
    record.become('waiting', core.story);
    core.waiting.add(record);
    if (typeof delayMs === 'number') core.deadlines.set(record, core.clock.now() + delayMs);
    else core.events.after(() => this.#askDelay(record, delayMs, where));
  }

  /**
   * Calls the function of the user only after the decision about the failed attempt, because it may
   * end this task or its pool.
   */
  #askDelay(record: TaskRecord, delayMs: (attempt: number) => number, where: 'front' | 'back'): void {
    let answer = 0;
    guarded('retries.delayMs', () => {
      const given: unknown = delayMs(failuresOf(record));
      answer = Number(given);
      return given;
    });
    const core = this.#core;
    if (record.state !== 'waiting') return;
    // An invalid delay counts as 0; with Infinity the task would never settle (G1).
    if (answer > 0 && answer < Number.POSITIVE_INFINITY) {
      core.deadlines.set(record, core.clock.now() + answer);
      return;
    }
    core.waiting.delete(record);
    core.enqueue(record, where);
  }

  // ---- settling

  fail(record: TaskRecord, error: unknown): void {
    this.#fail(record, error, false);
  }

  /**
   * To find what awaits the task takes some microtasks. So that is done only if nobody waits for
   * its end: `cancel`, `close` … resolve after it has settled.
   */
  #fail(record: TaskRecord, error: unknown, isThrown: boolean): void {
    const { caller } = record;
    const isUrgent = record.ending !== undefined || record.over !== undefined || this.#core.poolState.state !== 'open';
    this.#finish(record, 'failed');
    // Only now, because it may run code of the program.
    if (caller !== undefined) addCaller(error, caller, aboutTask(record));
    reject(record, error, !isThrown || isUrgent || caller !== undefined);
  }

  /** Ends a task that is not with a worker, as its `ending` says. */
  end(record: TaskRecord): void {
    this.#end(record, false);
  }

  #end(record: TaskRecord, isForced: boolean): void {
    const ending = record.ending as NonNullable<TaskRecord['ending']>;
    this.#finish(record, ending.state);
    reject(record, ending.error(isForced), true);
  }

  /**
   * Settles a task whose handling has thrown: because of a bug in the pool, or because code of the
   * program ran where none should. Other tasks and the pool are not affected.
   */
  failInternally(record: TaskRecord, cause: unknown): void {
    const text = `${aboutTask(record)} failed inside the pool, because of a bug in everpool or of a built-in that the program has replaced: ${describe(cause)}${this.#core.story}`;
    const error = new EverpoolError(text, 'ERR_EVERPOOL_INTERNAL', { cause });
    if (record.isSettled) reportThrown(`the end of ${aboutTask(record)}`, error);
    else {
      guarded(`the end of ${aboutTask(record)}`, () => {
        this.#core.queue.remove(record);
        this.#finish(record, 'failed');
      });
    }
    // The record may have settled while its caller has not been notified yet.
    guarded(`the end of ${aboutTask(record)}`, () => reject(record, error, true));
  }

  #finish(record: TaskRecord, state: 'succeeded' | 'failed' | 'cancelled'): void {
    const core = this.#core;
    record.become(state, core.story);
    record.body = undefined;
    // The worker has replied, so it has read them to the end; otherwise a socket may still hold
    // them. What only passes through is not the pool's to reuse.
    if (state === 'succeeded' && (record.flags & AS_BYTES) === 0) release(record.attachments);
    record.attachments = NONE;
    record.caller = undefined;
    try {
      core.counts[state] += record.items?.left ?? 1;
      if (core.events.has('taskSettled')) {
        core.events.emit('taskSettled', {
          taskId: record.id,
          name: record.name.name,
          outcome: state,
          attempts: record.totalStarts,
          ...tagOf(record),
        });
      }
      if (record.over !== undefined) settleOver(record);
    } finally {
      core.forget(record); // otherwise an error here would make the pool wait forever
    }
  }

  /** Resolves once no process runs the task. */
  whenOver(record: TaskRecord): Promise<void> {
    if (record.over === undefined) {
      record.over = deferred();
      record.over.promise.catch(ignore); // callers handle it, if any still wait
      if (record.isSettled) settleOver(record);
    }
    return record.over.promise;
  }
}

/** Settles `over` of a settled task: once the process that ended with it, if any, is reaped. */
function settleOver({ over, reaped }: TaskRecord): void {
  if (over === undefined) return;
  if (reaped === undefined) over.resolve();
  else reaped.then(over.resolve, over.reject);
}

/** True if values of its stream were taken, which another attempt would yield again. */
function mustNotRepeat({ sink }: TaskRecord): boolean {
  return sink?.hasTaken === true;
}

function tagOf(record: TaskRecord): { tag?: string } {
  return record.options.tag === undefined ? {} : { tag: record.options.tag };
}

function reject(record: TaskRecord, error: unknown, isComplete: boolean): void {
  if (record.starts === 0) record.started?.reject(error);
  record.settler.reject(error, record, isComplete);
}
