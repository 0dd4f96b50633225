/** Structured concurrency: everything started in a scope ends with it. */
import { checkSignal, plainObject, readBy } from '../shared/check.js';
import { TaskCancelledError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import { custom, line, quoted } from '../shared/inspection.js';
import { eitherOf, isAborted, offAbort, onAbort, reasonOf } from '../shared/signals.js';
import type { Batch, BatchHandle } from './batch/batch.js';
import type { TaskStream } from './handles/stream.js';
import type { Task } from './handles/task.js';
import { type Tasks, tasksProxy } from './handles/tasks-proxy.js';
import { checkScopeOptions } from './options/method-options.js';
import type { AnyFunction } from './task/submission-stack.js';
import type { CallRest, MapOptions, ScopeOptions, TaskArgs, TaskName, TaskOptions, TaskResult, TaskYield } from './types.js';

/**
 * The pool of a scope, without the types of the task module: the methods of the scope have them.
 */
export interface ScopePool {
  run(name: string, args: readonly unknown[] | undefined, options?: TaskOptions): Task<never>;
  exec(fn: AnyFunction, args: readonly unknown[] | undefined, options?: TaskOptions): Task<never>;
  map(name: string, items: Iterable<unknown> | AsyncIterable<unknown>, options?: MapOptions): Batch<never>;
  starmap(name: string, items: Iterable<readonly unknown[]> | AsyncIterable<readonly unknown[]>, options?: MapOptions): Batch<never>;
  stream(name: string, args: readonly unknown[] | undefined, options?: TaskOptions): TaskStream<never>;
}

/** Keeps the process alive while it is pending. */
type Hold = <T>(promise: Promise<T>) => Promise<T>;

/** A task, batch, stream or inner scope that has not ended. */
interface Member {
  cancel(reason: unknown): Promise<void>;
  kill(reason: unknown): Promise<void>;
}

/**
 * A group of tasks, batches and streams that ends together. Scopes may be nested.
 *
 * Leaving the block of an `await using` scope, for any reason, kills everything that still runs in
 * it, and waits until nothing does. Without `await using`, write
 * `try { … } finally { await scope.kill(); }`. A scope that has ended starts nothing more.
 *
 * @example
 * await using scope = pool.scope({ tag: 'request' });
 * const [user, posts] = await Promise.all([scope.run('user', [id]), scope.run('posts', [id])]);
 */
export class Scope<M extends object> implements AsyncDisposable {
  readonly #tasks: Tasks<M>;
  readonly #pool: ScopePool;
  readonly #hold: Hold;
  readonly #tag: string | undefined;
  readonly #given: AbortSignal | undefined;
  readonly #members = new Set<Member>();
  readonly #inner = new Set<Scope<M>>();
  /** By signal of the program: the signal that fires with it or with the scope's. */
  readonly #joined = new WeakMap<AbortSignal, AbortSignal>();
  readonly #waiting: (() => void)[] = [];
  /** The promises that the end of the scope waits for. */
  readonly #ending: Promise<void>[] = [];
  readonly #controller = new AbortController();

  /** @internal Scopes are made by a pool. @throws OptionsError */
  constructor(pool: ScopePool, options: ScopeOptions | undefined, hold: Hold) {
    const { tag, signal } = checkScopeOptions(options);
    this.#pool = pool;
    this.#hold = hold;
    this.#tag = tag;
    this.#given = signal;
    this.#tasks = tasksProxy<M>((name, args) => (this as unknown as ScopePool).run(name, args));
    if (signal !== undefined) this.#endWith(signal);
  }

  #endWith(signal: AbortSignal): void {
    const abort = (): void => this.#controller.abort(reasonOf(signal));
    if (isAborted(signal)) {
      abort();
      return;
    }
    onAbort(signal, abort);
    onAbort(this.signal, () => offAbort(signal, abort));
  }

  /**
   * The functions of the module as methods, as `pool.tasks`. @example await scope.tasks.add(1, 2)
   */
  get tasks(): Tasks<M> {
    return this.#tasks;
  }

  /** Fires when the scope ends. @example await fetch(url, { signal: scope.signal }) */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * As `pool.run`. In a scope that has ended, the task rejects with TaskCancelledError; so do those
   * of the methods below.
   */
  run<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): Task<TaskResult<M, K>>;
  run(name: string, args?: readonly unknown[], options?: TaskOptions): Task<unknown> {
    return this.#addTask(this.#pool.run(name, args, this.#own(options)));
  }

  /** As `pool.exec`. */
  exec<A extends unknown[], R>(fn: (...args: A) => R, ...rest: CallRest<A, TaskOptions>): Task<Awaited<R>>;
  exec(fn: AnyFunction, args?: readonly unknown[], options?: TaskOptions): Task<unknown> {
    return this.#addTask(this.#pool.exec(fn, args, this.#own(options)));
  }

  /** As `pool.map`. */
  map<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>[0]> | AsyncIterable<TaskArgs<M, K>[0]>,
    options?: MapOptions,
  ): Batch<TaskResult<M, K>> {
    return this.#addBatch(this.#pool.map(name, items, this.#own(options)));
  }

  /** As `pool.starmap`. */
  starmap<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>> | AsyncIterable<TaskArgs<M, K>>,
    options?: MapOptions,
  ): Batch<TaskResult<M, K>> {
    return this.#addBatch(this.#pool.starmap(name, items, this.#own(options)));
  }

  /** As `pool.stream`. */
  stream<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): TaskStream<TaskYield<M, K>>;
  stream(name: string, args?: readonly unknown[], options?: TaskOptions): TaskStream<unknown> {
    const stream = this.#pool.stream(name, args, this.#own(options));
    void this.#addTask(stream.task);
    return stream;
  }

  /**
   * Returns a scope inside this one, which ends with it or before.
   * @throws OptionsError for a wrong option
   */
  scope(options?: ScopeOptions): Scope<M> {
    const { tag, signal: own } = checkScopeOptions(options);
    const signal = own === undefined ? this.signal : eitherOf(own, this.signal);
    const inner = new Scope<M>(this.#pool, { tag: tag ?? this.#tag, signal }, this.#hold);
    this.#inner.add(inner);
    // An ended scope belongs to this one while something of it still runs.
    onAbort(inner.signal, () => void inner.#untilIdle().then(() => this.#inner.delete(inner)));
    return inner;
  }

  /**
   * Ends the scope, and cancels everything in it. Resolves when nothing of it runs anywhere;
   * rejects if a process outlives the kill ladder.
   *
   * @example
   * await scope.cancel('the request was aborted');
   */
  cancel(reason?: unknown): Promise<void> {
    return this.#end('cancel', reason);
  }

  /** Cancels without the grace: the kill ladder of the workers begins immediately. */
  kill(reason?: unknown): Promise<void> {
    return this.#end('kill', reason);
  }

  /**
   * Resolves when nothing of the scope, or of one inside it, is queued or running.
   * @example await scope.idle()
   */
  idle(): Promise<void> {
    return this.#hold(this.#untilIdle());
  }

  async #untilIdle(): Promise<void> {
    while (this.#members.size > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    for (const inner of [...this.#inner]) await inner.#untilIdle();
  }

  /** Kills everything in the scope: `await using` calls this. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.kill('its scope was left');
  }

  /** A cancelled scope can still be killed. */
  async #end(how: 'cancel' | 'kill', reason: unknown): Promise<void> {
    // First, as a reason may run code of the program, whose tasks in this scope must not start.
    this.#controller.abort(new TaskCancelledError('the scope has ended', { reason, forced: false }));
    for (const each of [...this.#members, ...this.#inner]) this.#ending.push(each[how](reason));
    await this.#hold(this.#allEnded());
  }

  async #allEnded(): Promise<void> {
    while (this.#ending.length > 0) await Promise.all(this.#ending.splice(0));
  }

  /**
   * Code of the program, among the arguments or in the input of the member, may have ended the
   * scope meanwhile.
   */
  #admit(member: Member): void {
    this.#members.add(member);
    if (!isAborted(this.signal)) return;
    const end = member.kill('its scope has ended');
    end.catch(ignore); // nobody may wait for the end of the scope
    this.#ending.push(end);
  }

  /** Returns the options of the call, completed by the scope's. */
  #own<O extends TaskOptions>(options: O | undefined): O {
    const own = ownOptions(options);
    if (own['tag'] === undefined) own['tag'] = this.#tag;
    const { signal } = own;
    // An ended scope starts nothing more.
    if (isAborted(this.signal)) own['signal'] = this.signal;
    else own['signal'] = signal === undefined ? this.#given : this.#join(checkSignal('signal', signal), this.#given);
    return own as O;
  }

  #join(own: AbortSignal, other: AbortSignal | undefined): AbortSignal {
    if (other === undefined) return own;
    const joined = this.#joined.get(own) ?? eitherOf(own, other);
    this.#joined.set(own, joined);
    return joined;
  }

  #addTask<R>(task: Task<R>): Task<R> {
    const remove = (): void => this.#remove(task);
    this.#admit(task);
    Promise.prototype.then.call(task, remove, remove);
    return task;
  }

  #addBatch<R>(batch: Batch<R>): Batch<R> {
    this.#admit(batch);
    (batch as BatchHandle<R>).onOver(() => this.#remove(batch));
    return batch;
  }

  #remove(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size > 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** @internal */
  [custom](): string {
    if (!(#members in this)) return 'Scope {}';
    const state = isAborted(this.signal) ? 'ended' : 'open';
    const { size } = this.#members;
    const members = `${size} ${size === 1 ? 'member' : 'members'}`;
    return line('Scope', state, members, this.#tag === undefined ? undefined : `tag ${quoted(this.#tag)}`);
  }
}

/**
 * Copies options, each read once. Own ones stay own, so that the pool refuses unknown ones.
 * @throws {OptionsError}
 */
function ownOptions(options: unknown): Record<string, unknown> {
  const inherited: Record<string, unknown> = {};
  const own = Object.create(inherited) as Record<string, unknown>;
  if (options === undefined) return own;
  const given = plainObject('options', options);
  readBy('options', () => {
    for (const key in given) (Object.hasOwn(given, key) ? own : inherited)[key] = given[key];
  });
  return own;
}
