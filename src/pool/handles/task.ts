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

/** What the constructor of a promise takes. */
export type Executing<R> = (resolve: (value: R | PromiseLike<R>) => void, reject: (error: unknown) => void) => void;

type Settle = (value: unknown) => void;

/**
 * The functions of the newest promise. All tasks share one executor, because a closure for each
 * would cost more than the rest of it.
 */
let resolveLast: Settle;
let rejectLast: Settle;
function keepFunctions(resolve: Settle, reject: Settle): void {
  resolveLast = resolve;
  rejectLast = reject;
}

/**
 * One submitted task: a real promise of its result, and a handle on its attempts.
 *
 * `then`, `catch` and `finally` return plain promises. If the program's own cancel, kill, terminate
 * or signal ends the task, the rejection of this promise counts as handled; that of derived
 * promises does not.
 *
 * @example
 * const task = pool.run('resize', [image]);
 * setTimeout(() => task.cancel('too slow'), 1000);
 * const small = await task;
 */
export class Task<R> extends Promise<R> {
  #core: PoolContext | undefined;
  #record: TaskRecord | undefined;
  #refused: { name: string; tag: string | undefined; state: 'failed' | 'cancelled'; started?: Promise<Attempt> } | undefined;
  /** The functions of this promise, until it has settled. */
  #resolve: Settle | undefined;
  #reject: Settle | undefined;

  static {
    // With a constructor of its own, `await` and `Promise.all` would wrap each task in one more
    // promise, two microtasks away, and `then` would make tasks.
    Object.defineProperty(this.prototype, 'constructor', { value: Promise, writable: true, configurable: true });
  }

  /** @internal Tasks are made by a pool. */
  constructor(executor: Executing<R>) {
    super(executor);
  }

  /** @internal Returns a task that is still to be bound to its record. */
  static pending<R>(): Task<R> {
    const task = new Task<R>(keepFunctions as Executing<R>);
    task.#resolve = resolveLast;
    task.#reject = rejectLast;
    return task;
  }

  /** @internal Only the pool has the record: a call by anybody else does nothing. */
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

  /** A task may settle before it is bound, in a broken pool. */
  #isOf(record: TaskRecord): boolean {
    return this.#record === undefined || this.#record === record;
  }

  /** Releases two functions and their context: 180 bytes. */
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

  /** The number of the task in its pool, from 1; 0 if the pool refused it. */
  get id(): number {
    return this.#record?.id ?? 0;
  }
  /** The name of the task, as it was given to `run`; for `exec`, that of the function. */
  get name(): string {
    return this.#record?.name.name ?? this.#refused?.name ?? '';
  }
  /** The tag, from the options. */
  get tag(): string | undefined {
    return this.#record === undefined ? this.#refused?.tag : this.#record.options.tag;
  }

  /**
   * The state of the task. `queued`: no attempt has started, even if it was sent. `running`: an
   * attempt has started, as far as the parent knows. `waiting`: for the delay before a retry.
   *
   * @example
   * if (task.state === 'queued') console.log('not started yet');
   */
  get state(): 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled' {
    const record = this.#record;
    if (record === undefined) return this.#refused?.state ?? 'failed';
    if (record.state === 'new') return 'queued';
    if (record.state !== 'sent' && record.state !== 'running') return record.state;
    return record.isRunning ? 'running' : 'queued';
  }

  /**
   * The started attempts, oldest first. An attempt that was sent and never started is not listed.
   * @example console.log(task.attempts.at(-1)?.workerId)
   */
  get attempts(): readonly Attempt[] {
    const record = this.#record;
    if (record === undefined || this.#core === undefined) return [];
    record.lease?.holder?.hasStarted(record.lease);
    return record.attempts(this.#core.clock.epoch);
  }

  /**
   * Resolves with the first attempt when it has started. If the task ends before, rejects with the
   * same error.
   *
   * @example
   * const { pid } = await task.started;
   */
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
        record.flags |= Flag.WantStarted; // from the next send on
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
   * Cancels the task, which rejects with TaskCancelledError (code ERR_EVERPOOL_CANCELLED). A queued
   * task never starts. In a running one `context().signal` fires, and its worker is killed if the
   * task has not settled after the pool's `graceMs`. Resolves when the task runs nowhere; rejects
   * if its process outlives the whole kill ladder. A settled task is left alone.
   *
   * @example
   * await task.cancel('the user left');
   */
  cancel(reason?: unknown): Promise<void> {
    return this.#end('cancel', reason);
  }

  /**
   * Cancels without the grace: the kill ladder begins immediately.
   * @example await task.kill('it takes too long')
   */
  kill(reason?: unknown): Promise<void> {
    return this.#end('kill', reason);
  }

  #end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    if (this.#record === undefined || this.#core === undefined) return Promise.resolve();
    return this.#core.waiters.hold(this.#core.cancellation[how](this.#record, reason));
  }

  /** @internal Returns a task that the pool refused, and that has rejected. */
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

/** The program ended the task itself, so its rejection is never unhandled. */
function markHandled(promise: Promise<unknown>): void {
  Promise.prototype.then.call(promise, undefined, ignore);
}
