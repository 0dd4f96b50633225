import { rejectToAwaiters } from '../../pool/task/submission-stack.js';
import { deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import { custom, line, quoted } from '../../shared/inspection.js';
import { isError } from '../../shared/program.js';
import type { ClusterTask } from '../types.js';
import type { ClientCore } from './client-core.js';
import { aboutTask } from './messages.js';
import { startOf } from './settlement.js';
import type { ClientTask, Settler } from './task-record.js';

type Settle = (value: unknown) => void;
type Executor<R> = (resolve: (value: R | PromiseLike<R>) => void, reject: (error: unknown) => void) => void;

/** One submitted task: a real promise of its result, as the Task of a pool. */
export class TaskHandle<R> extends Promise<R> implements ClusterTask<R>, Settler {
  #core: ClientCore | undefined;
  #record: ClientTask | undefined;
  #refused: { name: string; tag: string | undefined; state: 'failed' | 'cancelled' } | undefined;
  #started: Promise<{ readonly startedAt: number }> | undefined;
  /** The functions of this promise, until it has settled. */
  #resolve: Settle | undefined;
  #reject: Settle | undefined;

  static {
    // With a constructor of its own, `then` would make tasks.
    Object.defineProperty(this.prototype, 'constructor', { value: Promise, writable: true, configurable: true });
  }

  constructor(executor: Executor<R>) {
    super(executor);
  }

  static pending<R>(): TaskHandle<R> {
    let onResolve: Settle = ignore;
    let onReject: Settle = ignore;
    const task = new TaskHandle<R>((resolve, reject) => {
      onResolve = resolve as Settle;
      onReject = reject;
    });
    task.#resolve = onResolve;
    task.#reject = onReject;
    return task;
  }

  /** A task that the cluster refused, and that has rejected. */
  static refused<R>(error: unknown, name: string, tag: string | undefined, state: 'failed' | 'cancelled' = 'failed'): TaskHandle<R> {
    const task = new TaskHandle<R>((_resolve, reject) => reject(error));
    task.#refused = { name, tag, state };
    if (state === 'cancelled') markHandled(task);
    return task;
  }

  bind(core: ClientCore, record: ClientTask): this {
    this.#core = core;
    this.#record = record;
    return this;
  }

  /** @internal Only the cluster has the record: a call by anybody else does nothing. */
  resolve(value: unknown, record: ClientTask): void {
    if (!this.#isOf(record)) return;
    const resolve = this.#resolve;
    this.#forget();
    resolve?.(value);
  }

  /** @internal As above. */
  reject(error: unknown, record: ClientTask, isComplete: boolean): void {
    if (!this.#isOf(record)) return;
    const resolve = this.#resolve;
    const reject = this.#reject;
    if (resolve === undefined || reject === undefined) return;
    this.#forget();
    if (record.state === 'cancelled' && record.ending !== undefined) markHandled(this);
    if (isComplete || !isError(error)) reject(error);
    else rejectToAwaiters(resolve, reject, error, aboutTask(record));
  }

  /** A task may settle before it is bound. */
  #isOf(record: ClientTask): boolean {
    return this.#record === undefined || this.#record === record;
  }

  #forget(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
  }

  get id(): string {
    return this.#record?.id ?? '';
  }
  get name(): string {
    return this.#record?.name ?? this.#refused?.name ?? '';
  }
  get tag(): string | undefined {
    return this.#record === undefined ? this.#refused?.tag : this.#record.options.tag;
  }
  get state(): ClusterTask<R>['state'] {
    return this.#record?.shown ?? this.#refused?.state ?? 'failed';
  }

  get started(): Promise<{ readonly startedAt: number }> {
    this.#started ??= this.#whenStarted();
    return this.#started;
  }

  #whenStarted(): Promise<{ readonly startedAt: number }> {
    const core = this.#core;
    const record = this.#record;
    const started = deferred<{ readonly startedAt: number }>();
    started.promise.catch(ignore); // the task's own promise reports it
    if (core === undefined || record === undefined) this.#onRejected(started.reject);
    else if (record.wasTaken || (record.ran?.attempts ?? 0) > 0) started.resolve({ startedAt: startOf(core, record) });
    else if (record.isSettled) this.#onRejected(started.reject);
    else record.started = started;
    return started.promise;
  }

  #onRejected(onRejected: (error: unknown) => void): void {
    Promise.prototype.then.call(this, undefined, onRejected);
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#end('cancel', reason);
  }
  kill(reason?: unknown): Promise<void> {
    return this.#end('kill', reason);
  }

  #end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    if (this.#record === undefined || this.#core === undefined) return Promise.resolve();
    return this.#core.waiters.hold(this.#core.endings.end(this.#record, how, reason));
  }

  override get [Symbol.toStringTag](): string {
    return 'ClusterTask';
  }

  /** @internal */
  [custom](): string {
    if (!(#record in this)) return 'ClusterTask {}';
    const { id, tag } = this;
    return line(
      `ClusterTask${id === '' ? '' : ` ${id}`} ${quoted(this.name)}`,
      this.state,
      tag === undefined ? undefined : `tag ${quoted(tag)}`,
    );
  }
}

/** The program ended the task itself, so its rejection is never unhandled. */
function markHandled(promise: Promise<unknown>): void {
  Promise.prototype.then.call(promise, undefined, ignore);
}
