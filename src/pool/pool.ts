/**
 * The public face of a pool. The state behind it is in the core (pool-core.ts) and the supervisor.
 *
 *   parent process                                   | worker process
 *                                                    |
 *   Pool.run · Task · Batch ◄──── settle ───┐        |
 *     │ submit                              │        |
 *     ▼                                     │        |
 *   task queue ◄─── retry, withdrawn ── settlement   |
 *     │                                     ▲        |
 *     ▼                                     │        |
 *   dispatcher                              │        |
 *     │ one lease per attempt               │        |
 *     ▼                                     │        |
 *   worker leases ──── reply, death ────────┘        |
 *     │            ▲                                 |
 *     ▼            │                                 |
 *   supervisor's worker                              |
 *     ├─ channel ──────────────────────────────────► | reader → attempts → task function
 *     │          ◄────────────────────────────────── | replies ◄─────────────────┘
 *     └─ control file ──── offers, aborts ─────────► | (outlives the worker, so that after a
 *                     ◄─── claims ────────────────── |  death it shows which tasks had started)
 */
import { OptionsError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import { custom, line, quoted } from '../shared/inspection.js';
import { isAborted, offAbort, onAbort } from '../shared/signals.js';
import type { WorkerInfo } from '../shared/types.js';
import type { Batch } from './batch/batch.js';
import { createBatch } from './batch/map.js';
import type { Executor } from './executor.js';
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

/** @internal Makes the platform of the next pool; a simulation replaces it. */
export const platformOf: { make: (options: ResolvedPoolOptions) => PoolPlatform } = { make: nodePlatform };

const cores = new WeakMap<object, PoolCore>();

/** @internal The core of a pool, for the faults of `everpool/testing`. */
export function coreOf(pool: object): PoolCore {
  return cores.get(pool) as PoolCore;
}

/**
 * A supervised pool of worker processes. Workers may die in any way at any moment: every task still
 * settles (G1), and the pool goes on. `M` is the type of the task module.
 *
 * @example await using pool = new Pool<typeof import('./tasks.js')>({ module });
 */
export class Pool<M extends object = TaskModule> implements Executor<M> {
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
   * `run` as methods. Names that JavaScript itself looks up (`then`, `toJSON`, `toString`,
   * `valueOf`, symbols) are not methods.
   * @example const thumbnail = await pool.tasks.resize(image, 100);
   */
  get tasks(): Tasks<M> {
    return this.#tasks;
  }

  /**
   * open → closing → closed; open ⇄ broken (a crash loop; see `revive`).
   * @example const takesTasks = pool.state === 'open';
   */
  get state(): 'open' | 'broken' | 'closing' | 'closed' {
    return this.#core.poolState.shown;
  }

  // ---- submitting

  /**
   * Runs one exported function in a worker. This call copies the arguments, Buffers of any size
   * too, so later changes reach no attempt.
   *
   * Never throws for a pool that is closed, broken or full, nor for an unknown name: the task then
   * rejects (PoolClosedError, PoolBrokenError, QueueFullError, UnknownTaskError). docs/values.md
   * lists the possible arguments; others reject with a SerializationError that names the path.
   * @throws OptionsError for a wrong option, a name that is not a string, or args that are not an
   * array
   * @example const thumbnail = await pool.run('resize', [image, 100], { timeoutMs: 5000 });
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
   * Runs a function from its source. It sees its arguments and the worker's globals, no closure.
   * The task rejects as with `run`.
   * @throws OptionsError if `fn` is not a function, or has no source (native or bound)
   * @example const sum = await pool.exec((a, b) => a + b, [1, 2]);
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

  /**
   * Runs one task per item, with the item as its only argument. Lazy: input is read only as fast as
   * you consume results.
   * @throws OptionsError for a wrong option, name or input
   * @example for await (const page of pool.map('fetchPage', urls)) save(page);
   */
  map<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>[0]> | AsyncIterable<TaskArgs<M, K>[0]>,
    options?: MapOptions,
  ): Batch<TaskResult<M, K>> {
    return createBatch(this.#core, checkName(name), items, undefined, options);
  }

  /**
   * Like `map`, but each item is the array of arguments.
   * @throws OptionsError for a wrong option, name or input
   * @example for await (const sum of pool.starmap('add', [[1, 2], [3, 4]])) print(sum);
   */
  starmap<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>> | AsyncIterable<TaskArgs<M, K>>,
    options?: MapOptions,
  ): Batch<TaskResult<M, K>> {
    return createBatch(this.#core, checkName(name), items, checkArgs, options);
  }

  /**
   * Runs a generator task (sync or async) and iterates over the values that it yields, with
   * back-pressure: the worker is at most 16 values or 1 MiB ahead of the reader. The task starts
   * immediately. If the pool refuses the task, the iteration rejects.
   * @throws OptionsError for a wrong option, a name that is not a string, or args that are not an
   * array
   * @example for await (const row of pool.stream('rows', [file])) print(row);
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
   * A group of tasks, batches and streams that end together: leaving it with `await using` kills
   * those still running.
   * @throws OptionsError for a wrong option
   * @example await using scope = pool.scope();
   */
  scope(options?: ScopeOptions): Scope<M> {
    return new Scope<M>(this as unknown as ScopePool, options, (promise) => this.#core.waiters.hold(promise));
  }

  // ---- killing: the pool goes on after each of these

  /**
   * Kills all tasks, or the matching ones. Resolves with the number of tasks killed, once none of
   * them runs any more.
   * @throws OptionsError for a wrong option
   * @example const count = await pool.killTasks({ tag: 'report', queued: false });
   */
  async killTasks(options?: KillTasksOptions): Promise<number> {
    const { tag, queued, running, reason } = checkKillTasksOptions(options);
    const core = this.#core;
    const matching = [...core.records()].filter((record) => {
      const isWanted = record.isRunning ? running : queued;
      return isWanted && (tag === undefined || record.options.tag === tag);
    });
    // Queued tasks first: none of them may take the place of a killed one.
    matching.sort((a, b) => Number(a.isWithWorker) - Number(b.isWithWorker));
    const ends = matching.map((record) => core.cancellation.kill(record, reason));
    await core.waiters.hold(Promise.all(ends));
    return matching.filter((record) => record.state === 'cancelled').length;
  }

  /**
   * Kills one worker process with SIGKILL or another signal; the supervisor replaces it. The
   * running task is an orphan: `retries.crash` decides whether it runs again. After another signal,
   * SIGKILL follows if the process survives the first wait of the kill ladder. Resolves once the
   * process is dead.
   * @throws OptionsError for an id that no worker of this pool has had
   * @example await pool.killWorker(pool.workers()[0].id);
   */
  async killWorker(id: number, options?: KillWorkerOptions): Promise<void> {
    const workerId = checkWorkerId(id);
    const { signal } = checkKillWorkerOptions(options);
    const { supervisor, waiters } = this.#core;
    const worker = supervisor.find(workerId);
    if (worker === undefined) {
      if (workerId > supervisor.spawnedCount || workerId === 0)
        throw new OptionsError(`id: expected the id of a worker of this pool, got ${workerId}`);
      return; // already dead
    }
    worker.kill(signal);
    await waiters.hold(worker.whenReaped());
  }

  // ---- size and life

  /**
   * Changes the number of workers. A worker that has to leave finishes its task first.
   * @throws OptionsError for a size that the constructor would refuse
   * @example pool.resize({ min: 2, max: 8 });
   */
  resize(size: number | { min: number; max: number }): void {
    const { min, max } = resolveSize(size);
    if (!this.#core.poolState.isOpen) return;
    this.#core.supervisor.resize(min, max);
    this.#core.dispatcher.schedule();
    this.#core.waiters.check();
  }

  /**
   * Replaces every worker, and so picks up new code in the task module: one worker at a time, each
   * once its replacement is ready (`rolling`, the default). Running tasks finish; an old worker
   * with a task may leave after this has resolved.
   *
   * Rejects if a replacement dies before it is ready, and with PoolClosedError or PoolBrokenError
   * if the pool is or becomes closed or broken. `revive()` then starts new workers in a broken
   * pool.
   * @example await pool.restart();
   */
  async restart(options?: RestartOptions): Promise<void> {
    const { rolling } = checkRestartOptions(options);
    const core = this.#core;
    const closed = core.closedError();
    if (closed !== undefined) throw closed;
    if (core.poolState.brokenBy !== undefined) throw core.brokenError();
    await core.waiters.hold(core.supervisor.restart(rolling));
  }

  /**
   * Starts no more tasks until `resume`; running ones go on. Closing the pool ends the pause.
   * @example pool.pause();
   */
  pause(): void {
    if (this.#core.poolState.isOpen) this.#core.dispatcher.pause();
  }

  /**
   * Starts tasks again after `pause`.
   * @example pool.resume();
   */
  resume(): void {
    this.#core.dispatcher.resume();
  }

  /**
   * Leaves `broken`: forgets the crash history and tries to start workers again.
   * @example if (pool.state === 'broken') pool.revive();
   */
  revive(): void {
    this.#core.supervisor.recovery.revive();
  }

  // ---- waiting: each of these keeps the process alive until it settles

  /**
   * Resolves once the minimum number of workers is ready; rejects if the pool breaks or closes
   * first (PoolBrokenError, PoolClosedError).
   * @example await pool.ready();
   */
  ready(): Promise<void> {
    const core = this.#core;
    return core.waiters.until(() => {
      if (core.poolState.brokenBy !== undefined) return core.brokenError();
      return core.closedError() ?? core.supervisor.readyCount >= core.supervisor.min;
    });
  }

  /**
   * Resolves once no task is queued or running and no batch under way submits more immediately.
   * @example await pool.idle();
   */
  idle(): Promise<void> {
    return this.#core.idle();
  }

  /**
   * Resolves once the queue is shorter than `queueLimit`; rejects if the pool closes first
   * (PoolClosedError).
   * @example await pool.room();
   */
  room(): Promise<void> {
    const core = this.#core;
    return core.waiters.until(() => core.closedError() ?? core.queue.size < core.options.queueLimit);
  }

  // ---- ending: in any order, more than once; a stronger end overtakes a weaker one

  /**
   * Accepts no more tasks, finishes those it has (or cancels the queued ones), and lets the workers
   * exit. After `timeoutMs` (default: never) it becomes `terminate()`.
   * @throws OptionsError for a wrong option
   * @example await pool.close({ timeoutMs: 10_000 });
   */
  close(options?: CloseOptions): Promise<void> {
    return this.#core.shutdown.close(checkCloseOptions(options));
  }

  /**
   * Cancels every task. Running ones get `graceMs` milliseconds (default: that of the pool) after
   * their abort signal; then the kill ladder ends their workers. Rejects if a process survives it.
   * @throws OptionsError for a wrong option
   * @example await pool.terminate({ graceMs: 500 });
   */
  terminate(options?: TerminateOptions): Promise<void> {
    return this.#core.shutdown.terminate(checkTerminateOptions(options));
  }

  /**
   * Sends SIGKILL to every worker immediately. Rejects if a process survives it.
   * @example await pool.kill();
   */
  kill(): Promise<void> {
    return this.#core.shutdown.kill();
  }

  /**
   * `terminate()`, like Python's `with Pool()`.
   * @example await using pool = new Pool({ module });
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  // ---- observing

  /**
   * Every living worker, including those that are starting or leaving.
   * @example const busy = pool.workers().filter((worker) => worker.state === 'busy');
   */
  workers(): WorkerInfo[] {
    return workersSnapshot(this.#core);
  }

  /**
   * Counters since the start, and percentiles of queue and run times in milliseconds.
   * @example const { queued, runMs } = pool.stats();
   */
  stats(): PoolStats {
    return statsSnapshot(this.#core);
  }

  /**
   * Adds a listener for an event. Listeners run after the change, outside of any decision.
   * @throws OptionsError for an unknown event, or a listener that is not a function
   * @example pool.on('workerDied', ({ workerId, death }) => log(workerId, death.cause));
   */
  on<E extends keyof PoolEvents>(event: E, listener: (payload: PoolEvents[E]) => void): this {
    this.#core.events.on(event, listener);
    return this;
  }

  /**
   * Adds a listener for the next such event only.
   * @throws OptionsError as `on`
   * @example pool.once('closed', () => log('closed'));
   */
  once<E extends keyof PoolEvents>(event: E, listener: (payload: PoolEvents[E]) => void): this {
    this.#core.events.once(event, listener);
    return this;
  }

  /**
   * Removes a listener that `on` or `once` added.
   * @throws OptionsError as `on`
   * @example pool.off('workerDied', listener);
   */
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

/** Terminates the pool when `PoolOptions.signal` fires. */
function endWith(signal: AbortSignal, { shutdown, events }: PoolCore): void {
  const end = (): void => {
    // Only callers of terminate() learn that a process has survived the kill ladder.
    shutdown.terminate({ graceMs: undefined }).catch(ignore);
  };
  if (isAborted(signal)) {
    end();
    return;
  }
  onAbort(signal, end);
  events.once('closed', () => offAbort(signal, end));
}
