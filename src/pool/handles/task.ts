import { Flag } from '../../ipc/frame.js';
import { deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import { custom, line, quoted } from '../../shared/inspection.js';
import { isError } from '../../shared/program.js';
import type { Attempt } from '../../shared/types.js';
import type { PoolContext } from '../pool-context.js';
import { aboutTask } from '../settle/error-messages.js';
import { rejectToAwaiters } from '../task/submission-stack.js';
import type { TaskRecord } from '../task/task-record.js';

export type Executor<R> = (resolve: (value: R | PromiseLike<R>) => void, reject: (error: unknown) => void) => void;

type Settle = (value: unknown) => void;

/** The functions of the promise that was made last: one executor for all, as a closure for each task would cost more than the rest of it. */
let resolveLast: Settle;
let rejectLast: Settle;
function keepFunctions(resolve: Settle, reject: Settle): void {
  resolveLast = resolve;
  rejectLast = reject;
}

/**
 * One submitted task: a real promise of its result, with a handle on what runs behind it.
 *
 * `then`, `catch` and `finally` give plain promises. When the caller's own cancel, kill, terminate or signal
 * ends it, this promise itself counts as handled; promises derived from it do not.
 */
export class Task<R> extends Promise<R> {
  #core: PoolContext | undefined;
  #record: TaskRecord | undefined;
  #refused: { name: string; tag: string | undefined; state: 'failed' | 'cancelled'; started?: Promise<Attempt> } | undefined;
  /** The functions of this promise, until it has settled. */
  #resolve: Settle | undefined;
  #reject: Settle | undefined;

  static {
    // Its own would make `await` and `Promise.all` wrap each task in one more promise, two microtasks away; and `then` make tasks.
    Object.defineProperty(this.prototype, 'constructor', { value: Promise, writable: true, configurable: true });
  }

  /** @internal Tasks are made by a pool. */
  constructor(executor: Executor<R>) {
    super(executor);
  }

  /** @internal One that is still to be bound to what runs behind it. */
  static pending<R>(): Task<R> {
    const task = new Task<R>(keepFunctions as Executor<R>);
    task.#resolve = resolveLast;
    task.#reject = rejectLast;
    return task;
  }

  /** @internal Only the pool has the record: called by anybody else it does nothing. */
  resolve(value: unknown, record: TaskRecord): void {
    const resolve = this.#resolve;
    if (resolve === undefined || !this.#isOf(record)) return;
    this.#forget();
    resolve(value);
  }

  /** @internal As above. */
  reject(error: unknown, record: TaskRecord, isComplete: boolean): void {
    const resolve = this.#resolve;
    const reject = this.#reject;
    if (resolve === undefined || reject === undefined || !this.#isOf(record)) return;
    this.#forget();
    if (record.state === 'cancelled') markHandled(this);
    if (isComplete || !isError(error)) reject(error);
    else rejectToAwaiters(resolve, reject, error, aboutTask(record));
  }

  /** It may settle before it is bound: a broken pool takes nothing in. */
  #isOf(record: TaskRecord): boolean {
    return this.#record === undefined || this.#record === record;
  }

  /** Two functions and what they share: 180 bytes. */
  #forget(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }

  /** @internal */
  bind(core: PoolContext, record: TaskRecord): this {
    this.#core = core;
    this.#record = record;
    return this;
  }

  /** Its number in the pool, from 1; 0 if it was refused (closed, broken, full, unserialisable, unknown). */
  get id(): number {
    return this.#record?.id ?? 0;
  }
  get name(): string {
    return this.#record?.name.name ?? this.#refused?.name ?? '';
  }
  get tag(): string | undefined {
    return this.#record === undefined ? this.#refused?.tag : this.#record.options.tag;
  }

  /** `running` from the start of an attempt as the parent knows it; what was only sent is `queued`. */
  get state(): 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled' {
    const record = this.#record;
    if (record === undefined) return this.#refused?.state ?? 'failed';
    const { lease } = record;
    if (record.state === 'new') return 'queued';
    if (record.state !== 'sent' && record.state !== 'running') return record.state;
    return lease?.holder?.hasStarted(lease) === true ? 'running' : 'queued';
  }

  /** Started attempts only: a sending that never started is not listed and takes no number. */
  get attempts(): readonly Attempt[] {
    const record = this.#record;
    if (record === undefined || this.#core === undefined) return [];
    record.lease?.holder?.hasStarted(record.lease);
    return record.attempts(this.#core.clock.epoch);
  }

  /** Resolves when the first attempt has started; rejects, with what the task rejects with, if it ends without. */
  get started(): Promise<Attempt> {
    const record = this.#record;
    const core = this.#core;
    if (record === undefined || core === undefined) return this.#neverStarted();
    if (record.started === undefined) {
      record.started = deferred();
      record.started.promise.catch(ignore); // the task's own promise reports it
      const first = this.attempts[0];
      if (first !== undefined) record.started.resolve(first);
      else if (record.isSettled) this.then(undefined, record.started.reject);
      else {
        record.flags |= Flag.WantStarted; // from the next time that it is sent
        if (record.lease !== undefined) core.startWatch.add(record);
      }
    }
    return record.started.promise;
  }

  #neverStarted(): Promise<Attempt> {
    const refused = this.#refused as { started?: Promise<Attempt> };
    if (refused.started === undefined) {
      refused.started = this.then(() => Promise.reject(new Error('unreachable')));
      markHandled(refused.started); // the task's own promise reports it
    }
    return refused.started;
  }

  /**
   * Queued: it never starts. Running: `context().signal` fires, and if the task has not settled after the pool's
   * `graceMs` its worker is killed. The task rejects with TaskCancelledError (code ERR_EVERPOOL_CANCELLED).
   * Resolves when it runs nowhere; rejects if its process outlives the whole kill ladder.
   */
  cancel(reason?: unknown): Promise<void> {
    return this.#end('cancel', reason);
  }

  /** The same without the grace: the kill ladder begins at once. */
  kill(reason?: unknown): Promise<void> {
    return this.#end('kill', reason);
  }

  #end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    if (this.#record === undefined || this.#core === undefined) return Promise.resolve();
    return this.#core.waiters.hold(this.#core.cancellation[how](this.#record, reason));
  }

  /** @internal A task that the pool did not take: it has rejected already. */
  static refused<R>(error: unknown, name: string, tag: string | undefined, state: 'failed' | 'cancelled' = 'failed'): Task<R> {
    const task = new Task<R>((_resolve, reject) => reject(error));
    task.#refused = { name, tag, state };
    if (state === 'cancelled') markHandled(task);
    return task;
  }

  override get [Symbol.toStringTag](): string {
    return 'Task';
  }

  /** @internal */
  [custom](): string {
    if (!(#record in this)) return 'Task {}';
    const { id, tag, attempts } = this;
    const last = attempts.at(-1);
    return line(
      `Task${id === 0 ? '' : ` ${id}`} ${quoted(this.name)}`,
      this.state,
      tag === undefined ? undefined : `tag ${quoted(tag)}`,
      last === undefined ? undefined : `attempt ${last.number} in worker ${last.workerId}`,
    );
  }
}

/** The caller ended it: that it rejects is no news, and no unhandled rejection. */
function markHandled(promise: Promise<unknown>): void {
  Promise.prototype.then.call(promise, undefined, ignore);
}
