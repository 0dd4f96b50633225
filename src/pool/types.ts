/**
 * The public types of the pool: how tasks are typed, what its methods take, what it reports.
 *
 * Times are milliseconds. Every option is checked when it is given (task-options.ts): what is written
 * here is what is checked there. An option given as `undefined` counts as not given.
 */
import type { PoolBrokenError } from '../shared/errors.js';
import type { Death, Percentiles } from '../shared/types.js';
import type { TaskOptions } from './options/option-types.js';

export type {
  BackoffOptions,
  HeartbeatOptions,
  KillStep,
  LimitOptions,
  PermissionOptions,
  PoolOptions,
  PoolSize,
  RecycleOptions,
  RestartIntensityOptions,
  RetryOptions,
  TaskDefaults,
  TaskOptions,
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

// ---------------------------------------------------------------------------- options of methods

export interface MapOptions extends TaskOptions {
  /** Results in the order of the items, or as they come. @default true */
  ordered?: boolean | undefined;
  /** Items sent to a worker at once: an integer >= 1. 'auto' sizes chunks by measured duration, and chunks only tasks
   *  that may be retried after a crash; others go one by one. @default 'auto' */
  chunkSize?: number | 'auto' | undefined;
  /** The most items pulled from the input ahead of the results taken: an integer >= 1. @default 4 × size × chunk */
  bufferSize?: number | undefined;
  /** First failure: cancel the rest ('stop'), or go on. @default 'stop' */
  onError?: 'stop' | 'continue' | undefined;
  /** An append-only file of finished items: a path or a file: URL. A map started again with the same file skips them. */
  journal?: string | URL | undefined;
  /** With a journal: run again only what is missing, or also what failed. @default 'missing' */
  resume?: 'missing' | 'failed' | undefined;
}

/** Which tasks `killTasks` ends; without options, all. */
export interface KillTasksOptions {
  /** Only those with this tag. */
  tag?: string | undefined;
  /** Those that have not started. @default true */
  queued?: boolean | undefined;
  /** Those that have. @default true */
  running?: boolean | undefined;
  /** `TaskCancelledError.reason`. */
  reason?: unknown;
}

export interface KillWorkerOptions {
  /** @default 'SIGKILL' */
  signal?: NodeJS.Signals | undefined;
}

export interface CloseOptions {
  /** Cancel what has not started, instead of finishing it. @default false */
  cancelQueued?: boolean | undefined;
  /** After so many milliseconds it turns into `terminate()`: a number >= 0; Infinity: never. @default never */
  timeoutMs?: number | undefined;
}

export interface TerminateOptions {
  /** Instead of the pool's `graceMs`: a finite number >= 0. */
  graceMs?: number | undefined;
}

export interface RestartOptions {
  /** One worker at a time, each only after its replacement is ready. @default true */
  rolling?: boolean | undefined;
}

export interface ScopeOptions {
  /** Cancels every task of the scope. */
  signal?: AbortSignal | undefined;
  /** The tag of its tasks that have none of their own. */
  tag?: string | undefined;
}

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
