/** The public face of a client. What is behind it is in client/. */
import type { Executor } from '../pool/executor.js';
import { tasksProxy } from '../pool/handles/tasks-proxy.js';
import { checkArgs, checkCloseOptions, checkName } from '../pool/options/method-options.js';
import { resolveTaskOptions } from '../pool/options/task-options.js';
import type { CallRest, CloseOptions, KillTasksOptions, TaskArgs, TaskModule, TaskName, TaskOptions, TaskResult } from '../pool/types.js';
import { ignore } from '../shared/ignore.js';
import { custom, line, quoted } from '../shared/inspection.js';
import { isAborted, offAbort, onAbort } from '../shared/signals.js';
import { ClientCore } from './client/client-core.js';
import {
  checkBatchId,
  checkEndOptions,
  checkKillOptions,
  checkPriority,
  checkTaskId,
  resolveClusterOptions,
} from './client/client-options.js';
import { ClientShutdown } from './client/client-shutdown.js';
import { attachTo, createBatch } from './client/cluster-batch.js';
import { killTasks } from './client/kill-tasks.js';
import { platformOf } from './client/node-platform.js';
import { whenReady } from './client/readiness.js';
import { submitTask } from './client/submit.js';
import type { ClusterBatch, ClusterEvents, ClusterMapOptions, ClusterOptions, ClusterStats, ClusterTask, HostInfo } from './types.js';

/** The functions of a task module, as methods: as `Pool.tasks`. */
export type ClusterTasks<M> = { [K in TaskName<M>]: (...args: TaskArgs<M, K>) => ClusterTask<TaskResult<M, K>> };

/**
 * A client of all hosts of that name, with the methods of a Pool. It connects at once, and keeps
 * what is submitted until the store takes it. Nothing is thrown for a store that is away: tasks
 * stay pending, and `queueTimeoutMs` bounds that. `M` is the type of the task module.
 *
 * @example
 * type Module = typeof import('./tasks.js');
 * const cluster = new Cluster<Module>({ connection: { redis: 'redis://db' } });
 * console.log(await cluster.run('add', [1, 2]));
 */
export class Cluster<M extends object = TaskModule> implements Executor<M> {
  readonly name: string;
  readonly #core: ClientCore;
  readonly #shutdown: ClientShutdown;
  readonly #tasks: ClusterTasks<M>;

  /** @throws OptionsError (ERR_EVERPOOL_OPTIONS) naming the option, the rule and the value */
  constructor(options: ClusterOptions) {
    const resolved = resolveClusterOptions(options);
    this.name = resolved.name;
    this.#core = new ClientCore(resolved, platformOf.make(resolved));
    this.#shutdown = new ClientShutdown(this.#core);
    this.#tasks = tasksProxy((name, args) => (this as unknown as Cluster).run(name, args) as never) as unknown as ClusterTasks<M>;
    const { signal } = resolved;
    if (signal !== undefined) this.#endWith(signal);
  }

  /** Terminates the client when `ClusterOptions.signal` fires. */
  #endWith(signal: AbortSignal): void {
    const end = (): void => {
      this.terminate().catch(ignore);
    };
    if (isAborted(signal)) {
      end();
      return;
    }
    onAbort(signal, end);
    this.on('closed', () => offAbort(signal, end));
  }

  /** `run` as methods, as `pool.tasks`. */
  get tasks(): ClusterTasks<M> {
    return this.#tasks;
  }
  /** open → closing → closed. */
  get state(): 'open' | 'closing' | 'closed' {
    return this.#core.state;
  }
  /** For a dashboard (bull-board): the name of the queue in BullMQ. */
  get queueName(): string {
    return this.name;
  }

  // ---- submitting

  /**
   * As `pool.run`. Functions in `retries.delayMs` are evaluated before it is sent.
   * @throws OptionsError for a wrong option, a name that is not a string, or args that are not an
   * array
   * @example const thumbnail = await cluster.run('resize', [image, 100], { timeoutMs: 5000 });
   */
  run<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): ClusterTask<TaskResult<M, K>>;
  run(name: string, args?: readonly unknown[], options?: TaskOptions): ClusterTask<never> {
    const core = this.#core;
    const checked = checkName(name);
    const list = checkArgs(args);
    const resolved = resolveTaskOptions(options, core.options.task);
    checkPriority('priority', resolved.priority);
    return submitTask(core, checked, list, resolved, this.run);
  }

  /**
   * As `pool.map`. With an `id` the batch outlives its client.
   * @throws OptionsError for a wrong option, name or input
   * @example for await (const page of cluster.map('fetchPage', urls)) save(page);
   */
  map<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>[0]> | AsyncIterable<TaskArgs<M, K>[0]>,
    options?: ClusterMapOptions,
  ): ClusterBatch<TaskResult<M, K>> {
    return createBatch(this.#core, checkName(name), items, undefined, options);
  }

  /**
   * As `map`, but each item is the array of arguments.
   * @throws OptionsError for a wrong option, name or input
   */
  starmap<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>> | AsyncIterable<TaskArgs<M, K>>,
    options?: ClusterMapOptions,
  ): ClusterBatch<TaskResult<M, K>> {
    return createBatch(this.#core, checkName(name), items, checkArgs, options);
  }

  /**
   * A named batch of a client that has ended: what it had submitted. It does not follow a client
   * that still submits. Returns at once, because a batch is thenable. An unknown id rejects its use
   * (ERR_EVERPOOL_BATCH).
   * @throws OptionsError for an id that no batch can have
   * @example const pages = await cluster.attach('nightly');
   */
  attach<R = unknown>(batchId: string): ClusterBatch<R> {
    return attachTo(this.#core, checkBatchId(batchId));
  }

  // ---- killing

  /**
   * Kills tasks of this client, or `everywhere` those of all. Waiting ones never start. Resolves
   * with the number of tasks killed, once none of them runs any more.
   * @throws OptionsError for a wrong option
   */
  async killTasks(options?: KillTasksOptions & { everywhere?: boolean }): Promise<number> {
    return this.#core.waiters.hold(killTasks(this.#core, checkKillOptions(options)));
  }

  /**
   * Ends one task by its id, whichever client submitted it. Resolves when it runs nowhere.
   * @throws OptionsError for a wrong option
   */
  async end(taskId: string, options?: { how?: 'cancel' | 'kill'; reason?: unknown }): Promise<void> {
    const core = this.#core;
    const id = checkTaskId(taskId);
    const { how, reason } = checkEndOptions(options);
    const own = core.pending.get(id);
    const ended: Promise<unknown> = own === undefined ? core.endings.endAny(id, how, reason) : core.endings.end(own, how, reason);
    await core.waiters.hold(ended);
  }

  // ---- observing

  async stats(): Promise<ClusterStats> {
    const core = this.#core;
    const [cluster, hosts] = await core.waiters.hold(Promise.all([core.ask(() => core.store.counts()), core.hosts()]));
    return { pending: core.pending.size, ...core.counts, cluster, hosts };
  }

  /** The hosts that are connected now. */
  hosts(): Promise<HostInfo[]> {
    return this.#core.waiters.hold(this.#core.hosts());
  }

  on<E extends keyof ClusterEvents>(event: E, listener: (payload: ClusterEvents[E]) => void): this {
    this.#core.events.on(event, listener);
    return this;
  }
  off<E extends keyof ClusterEvents>(event: E, listener: (payload: ClusterEvents[E]) => void): this {
    this.#core.events.off(event, listener);
    return this;
  }

  // ---- waiting: each of these keeps the process alive until it settles

  /** Resolves once the store answers; rejects after `connectTimeoutMs` (StoreError). */
  ready(): Promise<void> {
    return this.#core.waiters.hold(whenReady(this.#core));
  }

  /** Resolves once nothing of this client is pending, and no batch submits more at once. */
  idle(): Promise<void> {
    return this.#core.idle();
  }

  /** Resolves once fewer than `pendingLimit` tasks are pending; rejects if the client closes. */
  room(): Promise<void> {
    const core = this.#core;
    return core.waiters.until(() => (core.state === 'open' ? core.pending.size < core.options.pendingLimit : core.closedError()));
  }

  // ---- ending: in any order, more than once; a stronger end overtakes a weaker one

  /**
   * Takes no more, waits for what is pending, or cancels what waits, and disconnects. After
   * `timeoutMs` (default: never) it becomes `terminate()`.
   * @throws OptionsError for a wrong option
   */
  close(options?: CloseOptions): Promise<void> {
    return this.#shutdown.close(checkCloseOptions(options));
  }

  /**
   * Kills what is pending, and disconnects. If the store is away, it gives up after
   * `connectTimeoutMs`.
   */
  terminate(): Promise<void> {
    return this.#shutdown.terminate();
  }

  /**
   * Disconnects and leaves the hosts at work: for batches with an `id`. The promises of this client
   * reject with PoolClosedError.
   */
  detach(): Promise<void> {
    return this.#shutdown.detach();
  }

  /** `terminate()`. @example await using cluster = new Cluster({ connection }); */
  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate();
  }

  /** @internal */
  [custom](): string {
    if (!(#core in this)) return 'Cluster {}';
    return line(`Cluster ${quoted(this.name)}`, this.state, `${this.#core.pending.size} pending tasks`);
  }
}
