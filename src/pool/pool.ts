import { OptionsError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import { custom, line, quoted } from '../shared/inspection.js';
import { isAborted, offAbort, onAbort } from '../shared/signals.js';
import type { WorkerInfo } from '../shared/types.js';
import type { Batch } from './batch/batch.js';
import { createBatch } from './batch/map.js';
import { StreamSink, type TaskStream, TaskStreamHandle } from './handles/stream.js';
import { execName, execSource, execWork, namedWork, submitTask } from './handles/submit.js';
import type { Task } from './handles/task.js';
import { type Tasks, tasksProxy } from './handles/tasks-proxy.js';
import {
  checkArgs,
  checkCloseOptions,
  checkKillTasksOptions,
  checkKillWorkerOptions,
  checkName,
  checkRestartOptions,
  checkTerminateOptions,
  checkWorkerId,
} from './options/method-options.js';
import { type ResolvedPoolOptions, resolvePoolOptions, resolveSize } from './options/pool-options.js';
import { resolveTaskOptions } from './options/task-options.js';
import type { PoolPlatform } from './platform.js';
import { PoolCore } from './pool-core.js';
import { Scope, type ScopePool } from './scope.js';
import { statsSnapshot, workersSnapshot } from './snapshot.js';
import type { AnyFunction } from './task/submission-stack.js';
import type {
  CallRest,
  CloseOptions,
  KillTasksOptions,
  KillWorkerOptions,
  MapOptions,
  PoolEvents,
  PoolOptions,
  PoolStats,
  RestartOptions,
  ScopeOptions,
  TaskArgs,
  TaskModule,
  TaskName,
  TaskOptions,
  TaskResult,
  TaskYield,
  TerminateOptions,
} from './types.js';
import { encodedBoot } from './workers/boot.js';
import { nodePlatform } from './workers/node-platform.js';

/** @internal What stands behind the next pool: a simulation puts its own doors here. */
export const platformOf: { make: (options: ResolvedPoolOptions) => PoolPlatform } = { make: nodePlatform };

const cores = new WeakMap<object, PoolCore>();

/** @internal What is behind a pool, for the faults of `everpool/testing`. */
export function coreOf(pool: object): PoolCore {
  return cores.get(pool) as PoolCore;
}

/**
 * A supervised pool of worker processes. Its workers may die in any way at any moment: every task
 * settles (G1), and the pool goes on.
 *
 * `M` is the type of the task module: `new Pool<typeof import('./tasks.js')>({ module })`.
 */
export class Pool<M extends object = TaskModule> implements AsyncDisposable {
  readonly name: string;
  readonly #tasks: Tasks<M>;
  readonly #core: PoolCore;

  /** @throws OptionsError (ERR_EVERPOOL_OPTIONS) naming the option, the rule and the value */
  constructor(options?: PoolOptions) {
    const resolved = resolvePoolOptions(options);
    const boot = encodedBoot(resolved);
    this.name = resolved.name;
    this.#core = new PoolCore(resolved, platformOf.make(resolved), boot);
    cores.set(this, this.#core);
    this.#tasks = tasksProxy<M>((name, args) => (this as unknown as ScopePool).run(name, args));
    const { signal } = resolved;
    if (signal !== undefined) endWith(signal, this.#core);
  }

  /**
   * The same as `run`, as methods: `await pool.tasks.resize(image, 100)`. (`then`, `toJSON`, `toString`, `valueOf` and symbols, which the
   * language itself looks up, are no methods.)
   */
  get tasks(): Tasks<M> {
    return this.#tasks;
  }

  /** open → closing → closed; open ⇄ broken (a crash loop; see `revive`). */
  get state(): 'open' | 'broken' | 'closing' | 'closed' {
    return this.#core.poolState.shown;
  }

  // ---- submitting

  /**
   * Runs one exported function in a worker.
   *
   * The arguments are copied during this call, Buffers of any size too: what becomes of them afterwards reaches no attempt at the
   * task. docs/values.md lists what they may be; others reject the task with a SerializationError that names the path.
   *
   * Never throws for a pool that is closed, broken or full, nor for a name that the module does not export: then
   * the task rejects (PoolClosedError, PoolBrokenError, QueueFullError, UnknownTaskError).
   * @throws OptionsError for a wrong option, a name that is not a string, or args that are no array
   */
  run<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): Task<TaskResult<M, K>>;
  run(name: string, args?: readonly unknown[], options?: TaskOptions): Task<never> {
    const core = this.#core;
    const checked = checkName(name);
    const list = checkArgs(args);
    const resolved = resolveTaskOptions(options, core.options.task);
    return submitTask(core, checked, namedWork(core, checked), list, resolved, this.run);
  }

  /**
   * Runs a function given by its source. It sees its arguments and the globals of the worker, no closure.
   * @throws OptionsError if `fn` is no function, or has no source (a native or bound one)
   */
  exec<A extends unknown[], R>(fn: (...args: A) => R, ...rest: CallRest<A, TaskOptions>): Task<Awaited<R>>;
  exec(fn: AnyFunction, args?: readonly unknown[], options?: TaskOptions): Task<never> {
    const core = this.#core;
    const source = execSource(fn);
    const list = checkArgs(args);
    const resolved = resolveTaskOptions(options, core.options.task);
    const name = execName(fn);
    return submitTask(core, name, execWork(core, name, source), [source, list], resolved, this.exec);
  }

  /** One task per item, the item being its only argument. Lazy: items are pulled as results are taken. */
  map<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>[0]> | AsyncIterable<TaskArgs<M, K>[0]>,
    options?: MapOptions,
  ): Batch<TaskResult<M, K>> {
    return createBatch(this.#core, checkName(name), items, undefined, options);
  }

  /** One task per item, the item being its list of arguments. */
  starmap<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>> | AsyncIterable<TaskArgs<M, K>>,
    options?: MapOptions,
  ): Batch<TaskResult<M, K>> {
    return createBatch(this.#core, checkName(name), items, checkArgs, options);
  }

  /**
   * Runs a (sync or async) generator task, and gives what it yields, one by one, with back-pressure: the worker is at most 16 values
   * (or 1 MiB) ahead of the reader. It starts at once. Refusals reject the iteration.
   * @throws OptionsError for a wrong option, a name that is not a string, or args that are no array
   */
  stream<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): TaskStream<TaskYield<M, K>>;
  stream(name: string, args?: readonly unknown[], options?: TaskOptions): TaskStream<never> {
    const core = this.#core;
    const checked = checkName(name);
    const list = checkArgs(args);
    const resolved = resolveTaskOptions(options, core.options.task);
    const sink = new StreamSink();
    const task = submitTask<void>(core, checked, namedWork(core, checked), list, resolved, this.stream, sink);
    return new TaskStreamHandle(task, sink);
  }

  /**
   * A group of tasks, batches and streams that ends together: leaving it with `await using` kills what still runs.
   * @throws OptionsError for a wrong option
   */
  scope(options?: ScopeOptions): Scope<M> {
    return new Scope<M>(this as unknown as ScopePool, options, (promise) => this.#core.waiters.hold(promise));
  }

  // ---- killing: the pool goes on working after every one of these

  /** Kills every task, or those that match. Resolves with how many were ended, once they are confirmed gone. */
  async killTasks(options?: KillTasksOptions): Promise<number> {
    const { tag, queued, running, reason } = checkKillTasksOptions(options);
    const core = this.#core;
    const matching = [...core.records()].filter((record) => {
      const isRunning = record.lease?.holder?.hasStarted(record.lease) === true;
      return (tag === undefined || record.options.tag === tag) && (isRunning ? running : queued);
    });
    // The queued ones first: none of them may take the place of one that is killed.
    matching.sort((a, b) => Number(a.lease !== undefined) - Number(b.lease !== undefined));
    const ends = matching.map((record) => core.cancellation.kill(record, reason));
    await core.waiters.hold(Promise.all(ends));
    return matching.filter((record) => record.state === 'cancelled').length;
  }

  /**
   * Kills one worker process. Its task is an orphan; a replacement is started. With another signal than SIGKILL, SIGKILL
   * follows if the process is still there after the first wait of the kill ladder. Resolves when it is gone.
   */
  async killWorker(id: number, options?: KillWorkerOptions): Promise<void> {
    const workerId = checkWorkerId(id);
    const { signal } = checkKillWorkerOptions(options);
    const { supervisor, waiters } = this.#core;
    const worker = supervisor.find(workerId);
    if (worker === undefined) {
      if (workerId > supervisor.spawnedCount || workerId === 0)
        throw new OptionsError(`id: expected the id of a worker of this pool, got ${workerId}`);
      return; // it has gone already
    }
    worker.kill(signal);
    await waiters.hold(worker.whenReaped());
  }

  // ---- size and life

  /** Changes the number of workers at any moment; one that is to leave finishes its task first. @throws OptionsError */
  resize(size: number | { min: number; max: number }): void {
    const { min, max } = resolveSize(size);
    if (!this.#core.poolState.isOpen) return;
    this.#core.supervisor.resize(min, max);
    this.#core.dispatcher.schedule();
    this.#core.waiters.check();
  }

  /**
   * Replaces every worker, one at a time and each only after its replacement is ready (`rolling`, the default), letting
   * running tasks finish. Picks up new code in the task module. Resolves when every worker has been replaced; an old one
   * that still runs a task leaves when that has ended. Rejects if a replacement dies before it is ready, and with PoolBrokenError
   * if the pool is broken or breaks meanwhile: `revive()` then starts new workers.
   */
  async restart(options?: RestartOptions): Promise<void> {
    const { rolling } = checkRestartOptions(options);
    const core = this.#core;
    const closed = core.closedError();
    if (closed !== undefined) throw closed;
    if (core.poolState.brokenBy !== undefined) throw core.brokenError();
    await core.waiters.hold(core.supervisor.restart(rolling));
  }

  /** Stops starting tasks; running ones go on. A pool that is closing finishes what it has: it is not paused any more. */
  pause(): void {
    if (this.#core.poolState.isOpen) this.#core.dispatcher.pause();
  }
  resume(): void {
    this.#core.dispatcher.resume();
  }

  /** Leaves `broken`: forgets the crash history and tries to start workers again. */
  revive(): void {
    this.#core.supervisor.recovery.revive();
  }

  // ---- waiting: each of these keeps the process alive until it has settled

  /** Resolves when the minimum number of workers is ready; rejects if the pool breaks or closes first. */
  ready(): Promise<void> {
    const core = this.#core;
    return core.waiters.until(() => {
      if (core.poolState.brokenBy !== undefined) return core.brokenError();
      return core.closedError() ?? core.supervisor.readyCount >= core.supervisor.min;
    });
  }

  /** Resolves when nothing is queued or running, and no batch that is being read goes on at once. */
  idle(): Promise<void> {
    return this.#core.idle();
  }

  /** Resolves when the queue is below `queueLimit`; rejects if the pool closes first. */
  room(): Promise<void> {
    const core = this.#core;
    return core.waiters.until(() => core.closedError() ?? core.queue.size < core.options.queueLimit);
  }

  // ---- ending: more than once and in any order; a stronger one upgrades a weaker one under way

  /** Takes no more tasks, finishes those it has (or cancels the queued ones), lets workers exit. */
  close(options?: CloseOptions): Promise<void> {
    return this.#core.shutdown.close(checkCloseOptions(options));
  }

  /** Aborts running tasks, then the kill ladder: `graceMs` for the abort, SIGTERM, SIGKILL. */
  terminate(options?: TerminateOptions): Promise<void> {
    return this.#core.shutdown.terminate(checkTerminateOptions(options));
  }

  /** SIGKILL to everything, now. */
  kill(): Promise<void> {
    return this.#core.shutdown.kill();
  }

  /** `terminate()`, as Python's `with Pool()` does. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  // ---- looking

  /** Every living worker, also those that are starting or leaving. */
  workers(): WorkerInfo[] {
    return workersSnapshot(this.#core);
  }

  stats(): PoolStats {
    return statsSnapshot(this.#core);
  }

  /** @throws OptionsError for a name that is no event, or a listener that is no function; `once` and `off` too */
  on<E extends keyof PoolEvents>(event: E, listener: (payload: PoolEvents[E]) => void): this {
    this.#core.events.on(event, listener);
    return this;
  }
  once<E extends keyof PoolEvents>(event: E, listener: (payload: PoolEvents[E]) => void): this {
    this.#core.events.once(event, listener);
    return this;
  }
  off<E extends keyof PoolEvents>(event: E, listener: (payload: PoolEvents[E]) => void): this {
    this.#core.events.off(event, listener);
    return this;
  }

  /** @internal */
  [custom](): string {
    if (!(#core in this)) return 'Pool {}';
    const { poolState, supervisor, options, outstanding } = this.#core;
    return line(`Pool ${quoted(options.name)}`, poolState.shown, `${supervisor.size} of ${supervisor.max} workers`, `${outstanding} tasks`);
  }
}

/** `PoolOptions.signal`. */
function endWith(signal: AbortSignal, { shutdown, events }: PoolCore): void {
  const end = (): void => {
    shutdown.terminate({ graceMs: undefined }).catch(ignore); // what outlives the ladder is told to those who call terminate themselves
  };
  if (isAborted(signal)) {
    end();
    return;
  }
  onAbort(signal, end);
  events.once('closed', () => offAbort(signal, end));
}
