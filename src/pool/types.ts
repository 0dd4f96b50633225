/**
 * The public types of the pool: how tasks are typed, the options of its methods, and its reports.
 * Times are in milliseconds, sizes in bytes.
 */
import type { PoolBrokenError } from '../shared/errors.js';
import type { Death, Percentiles } from '../shared/types.js';

export type {
  BackoffOptions,
  CloseOptions,
  HeartbeatOptions,
  KillStep,
  KillTasksOptions,
  KillWorkerOptions,
  LimitOptions,
  MapOptions,
  PermissionOptions,
  PoolOptions,
  PoolSize,
  RecycleOptions,
  RestartIntensityOptions,
  RestartOptions,
  RetryOptions,
  ScopeOptions,
  TaskDefaults,
  TaskOptions,
  TerminateOptions,
} from './options/option-types.js';

// ---- the task module

/**
 * A module of tasks: every exported function can be run by name. Plain functions, no wrapper.
 *
 * @example
 * // tasks.ts
 * export const add = (a: number, b: number): number => a + b;
 */
// biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
export type TaskModule = Record<string, (...args: any[]) => any>;

// biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
type Fn = (...args: any[]) => unknown;

/**
 * The names of the functions that `M` exports.
 *
 * @example
 * type Name = TaskName<typeof import('./tasks.js')>; // 'add'
 */
export type TaskName<M> = { [K in keyof M]: M[K] extends Fn ? K : never }[keyof M] & string;

/**
 * The arguments of the function `K`.
 *
 * @example
 * type Args = TaskArgs<typeof import('./tasks.js'), 'add'>; // [a: number, b: number]
 */
export type TaskArgs<M, K extends keyof M> = M[K] extends (...args: infer A) => unknown ? A : never;

/**
 * The result of the function `K`, awaited.
 *
 * @example
 * type Sum = TaskResult<typeof import('./tasks.js'), 'add'>; // number
 */
// biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
export type TaskResult<M, K extends keyof M> = M[K] extends (...args: any[]) => infer R ? Awaited<R> : never;

/**
 * The values that the generator `K` yields.
 *
 * @example
 * // export function* count(): Generator<number> { … }
 * type Value = TaskYield<typeof import('./tasks.js'), 'count'>; // number
 */
export type TaskYield<M, K extends keyof M> = M[K] extends (
  // biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
  ...args: any[]
) => AsyncIterable<infer Y> | Iterable<infer Y>
  ? Y
  : never;

/**
 * The parameters after a name: the arguments, which may be left out only if the function can be
 * called without any, then the options.
 *
 * @example
 * pool.run('ping'); // but pool.run('add', [1, 2])
 */
export type CallRest<A extends readonly unknown[], O> = [] extends A
  ? [args?: A | undefined, options?: O | undefined]
  : [args: A, options?: O | undefined];

// ---- reports

/**
 * How far a batch is.
 *
 * @example
 * batch.onProgress(({ done, total, etaMs }) => console.log(done, total, etaMs));
 */
export interface BatchProgress {
  /** The number of items; undefined while it is unknown. */
  readonly total: number | undefined;
  /** The number of items that have settled. */
  readonly done: number;
  /** The number of items that have failed; `done` includes them. */
  readonly failed: number;
  /** The number of its tasks that run now. A chunk is one task. */
  readonly running: number;
  /** Settled items per second, over about the last five seconds. */
  readonly perSecond: number;
  /** Milliseconds left at that speed; undefined while `total` or the speed is unknown. */
  readonly etaMs: number | undefined;
}

/**
 * The figures of a pool, now and since its start.
 *
 * @example
 * const { queued, running, queueMs } = pool.stats();
 * if (queueMs.p99 > 1000) console.warn(`${queued} queued, ${running} running`);
 */
export interface PoolStats {
  /** Workers that are ready or starting, without the spares. */
  readonly size: number;
  /** Ready workers in reserve. */
  readonly spares: number;
  /** Tasks that wait for a worker, before their first start or after a retry. */
  readonly queued: number;
  readonly running: number;
  /** Tasks that wait for the delay before a retry. */
  readonly waiting: number;
  /** All tasks since the start, items of a batch included. */
  readonly submitted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** The number of retries. */
  readonly retried: number;
  /** The number of workers spawned. */
  readonly spawned: number;
  /** The number of deaths that the pool did not request. */
  readonly deaths: number;
  /** Milliseconds from submission to the start of the first attempt. */
  readonly queueMs: Percentiles;
  /** Milliseconds of each attempt. */
  readonly runMs: Percentiles;
}

/**
 * The events of a pool: names in the past tense, one payload object, emitted after the change. A
 * listener that throws harms nothing: it is reported with process.emitWarning. No event needs a
 * listener.
 *
 * @example
 * pool.on('workerDied', ({ workerId, death }) => console.warn(workerId, death.cause));
 */
export interface PoolEvents {
  workerSpawned: { workerId: number; pid: number };
  /** `bootMs`: milliseconds from the spawn. */
  workerReady: { workerId: number; pid: number; bootMs: number };
  /** `orphans`: the ids of the tasks that had started in the worker. */
  workerDied: { workerId: number; death: Death; orphans: readonly number[] };
  workerRecycled: { workerId: number; why: 'tasks' | 'age' | 'rss' | 'idle' | 'restart' | 'resize' };
  /** `attempt`: from 1. */
  taskStarted: { taskId: number; name: string; attempt: number; workerId: number; tag?: string };
  /** `attempt`: the next one. `cause`: the error of the one before. */
  taskRetried: { taskId: number; name: string; attempt: number; cause: Error };
  /** `attempts`: the number of started ones. */
  taskSettled: {
    taskId: number;
    name: string;
    outcome: 'succeeded' | 'failed' | 'cancelled';
    attempts: number;
    tag?: string;
  };
  /** Output of a worker, with `stdout: 'pipe'`. */
  stdout: { workerId: number; chunk: Buffer };
  /** Error output of a worker, with `stderr: 'pipe'`. */
  stderr: { workerId: number; chunk: Buffer };
  /** Too many charged deaths: tasks reject until the pool has recovered. */
  broken: { error: PoolBrokenError };
  /** A worker is ready again, or `revive` was called. */
  recovered: Record<never, never>;
  /** Every task has settled, and every worker has exited. */
  closed: Record<never, never>;
}
