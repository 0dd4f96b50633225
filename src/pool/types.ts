/**
 * The public types of the pool: how tasks are typed, what its methods take, what it reports.
 *
 * Times are milliseconds. Every option is checked when it is given (task-options.ts): what is written
 * here is what is checked there. An option given as `undefined` counts as not given.
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

// ---------------------------------------------------------------------------- the task module

/** A module of tasks: every exported function can be run by name. Plain functions, no wrapper. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
export type TaskModule = Record<string, (...args: any[]) => any>;

// biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
type Fn = (...args: any[]) => unknown;

/** The names of the functions that `M` exports. */
export type TaskName<M> = { [K in keyof M]: M[K] extends Fn ? K : never }[keyof M] & string;

/** The arguments of one of them. */
export type TaskArgs<M, K extends keyof M> = M[K] extends (...args: infer A) => unknown ? A : never;

/** What it returns, awaited. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
export type TaskResult<M, K extends keyof M> = M[K] extends (...args: any[]) => infer R ? Awaited<R> : never;

/** What a generator task yields. */
export type TaskYield<M, K extends keyof M> = M[K] extends (
  // biome-ignore lint/suspicious/noExplicitAny: only `any` takes functions of every signature
  ...args: any[]
) => AsyncIterable<infer Y> | Iterable<infer Y>
  ? Y
  : never;

/** What follows a name: its arguments, which may be left out only where the function can be called without any, then the options. */
export type CallRest<A extends readonly unknown[], O> = [] extends A
  ? [args?: A | undefined, options?: O | undefined]
  : [args: A, options?: O | undefined];

// ---------------------------------------------------------------------------- what is reported

export interface BatchProgress {
  /** Undefined while the input has not ended. */
  readonly total: number | undefined;
  readonly done: number;
  readonly failed: number;
  readonly running: number;
  readonly perSecond: number;
  /** Undefined while `total` or the speed is unknown. */
  readonly etaMs: number | undefined;
}

export interface PoolStats {
  /** Workers ready or starting, spares not counted. */
  readonly size: number;
  readonly spares: number;
  readonly queued: number;
  readonly running: number;
  /** For a retry. */
  readonly waiting: number;
  readonly submitted: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly retried: number;
  readonly spawned: number;
  /** Unrequested ones. */
  readonly deaths: number;
  /** From submission to the start of the first attempt. */
  readonly queueMs: Percentiles;
  /** Of each attempt. */
  readonly runMs: Percentiles;
}

/** Past tense, one payload object, emitted after the change. A listener that throws harms nothing: it is reported
 *  with process.emitWarning. No event needs a listener. */
export interface PoolEvents {
  workerSpawned: { workerId: number; pid: number };
  workerReady: { workerId: number; pid: number; bootMs: number };
  /** `orphans`: the ids of the tasks that had started in it. */
  workerDied: { workerId: number; death: Death; orphans: readonly number[] };
  workerRecycled: { workerId: number; why: 'tasks' | 'age' | 'rss' | 'idle' | 'restart' | 'resize' };
  taskStarted: { taskId: number; name: string; attempt: number; workerId: number; tag?: string };
  taskRetried: { taskId: number; name: string; attempt: number; cause: Error };
  taskSettled: {
    taskId: number;
    name: string;
    outcome: 'succeeded' | 'failed' | 'cancelled';
    attempts: number;
    tag?: string;
  };
  stdout: { workerId: number; chunk: Buffer };
  stderr: { workerId: number; chunk: Buffer };
  broken: { error: PoolBrokenError };
  recovered: Record<never, never>;
  closed: Record<never, never>;
}
