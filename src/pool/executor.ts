/**
 * What a pool and a cluster have in common: types for programs that run on one machine or on many.
 */
import type { Batch } from './batch/batch.js';
import type {
  CallRest,
  CloseOptions,
  KillTasksOptions,
  MapOptions,
  TaskArgs,
  TaskModule,
  TaskName,
  TaskOptions,
  TaskResult,
} from './types.js';

/**
 * Runs the tasks of a module, on this machine or on others: a `Pool`, or whatever has the same
 * methods. A program that takes an Executor need not know which.
 *
 * @example
 * async function total(executor: Executor<typeof import('./tasks.js')>, files: string[]) {
 *   const sizes = await executor.map('sizeOf', files);
 *   return executor.run('sum', [sizes]);
 * }
 */
export interface Executor<M extends object = TaskModule> extends AsyncDisposable {
  readonly name: string;
  /** `run` as methods: `tasks.add(1, 2)` is `run('add', [1, 2])`. */
  readonly tasks: { readonly [K in TaskName<M>]: (...args: TaskArgs<M, K>) => RunningTask<TaskResult<M, K>> };
  /** Runs one exported function. As `Pool.run`. */
  run<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): RunningTask<TaskResult<M, K>>;
  /** Runs one task per item, with the item as its only argument. As `Pool.map`. */
  map<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>[0]> | AsyncIterable<TaskArgs<M, K>[0]>,
    options?: MapOptions,
  ): AnyBatch<TaskResult<M, K>>;
  /** Like `map`, but each item is the array of arguments. */
  starmap<K extends TaskName<M>>(
    name: K,
    items: Iterable<TaskArgs<M, K>> | AsyncIterable<TaskArgs<M, K>>,
    options?: MapOptions,
  ): AnyBatch<TaskResult<M, K>>;
  /** Kills every task, or those that match. Resolves with the number of tasks that it ended. */
  killTasks(options?: KillTasksOptions): Promise<number>;
  /** Resolves once tasks can run. */
  ready(): Promise<void>;
  /** Resolves once no task is queued or running. */
  idle(): Promise<void>;
  /** Resolves once another task is accepted. */
  room(): Promise<void>;
  /** Accepts no more tasks, and finishes those it has. */
  close(options?: CloseOptions): Promise<void>;
  /** Ends every task. */
  terminate(): Promise<void>;
}

/**
 * The results of a map: what `Batch`, whose id is a number, and the batch of a cluster, whose id is
 * a string, have in common.
 *
 * @example
 * const batch: AnyBatch<number> = executor.map('sizeOf', files);
 */
export interface AnyBatch<R> extends Omit<Batch<R>, 'id'> {
  readonly id: number | string;
}

/**
 * A submitted task: what `Task`, whose id is a number, and the task of a cluster, whose id is a
 * string, have in common.
 *
 * @example
 * const task: RunningTask<number> = executor.run('sizeOf', [file]);
 * await task.cancel('not needed');
 */
export interface RunningTask<R> extends Promise<R> {
  readonly id: number | string;
  readonly name: string;
  readonly tag: string | undefined;
  readonly state: 'queued' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled';
  /** Resolves when the task has started; rejects with its error if it never does. */
  readonly started: Promise<unknown>;
  /** Queued: it never starts. Running: its signal fires, then its worker is killed. */
  cancel(reason?: unknown): Promise<void>;
  /** Cancels without the grace. */
  kill(reason?: unknown): Promise<void>;
}
