import {
  type AnyBatch,
  type Batch,
  type CallRest,
  type CloseOptions,
  type Executor,
  type KillTasksOptions,
  type MapOptions,
  Pool,
  type RunningTask,
  type Task,
  type TaskArgs,
  type TaskName,
  type TaskOptions,
  type TaskResult,
} from 'everpool';
import { InlinePool } from 'everpool/testing';
import { expectTypeOf, test } from 'vitest';

type Module = typeof import('../fixtures/typed.js');
interface Tasks {
  add: (a: number, b: number) => number;
  load: (path: string) => Promise<Buffer>;
  now: () => number;
  VERSION: string;
}

declare const executor: Executor<Tasks>;
declare function onAny(executor: Executor<Tasks>): void;
declare function onModule(executor: Executor<Module>): void;

test('a pool is an executor of the same module, and of no other', () => {
  onAny(new Pool<Tasks>());
  onAny(new InlinePool<Tasks>());
  onModule(new Pool<Module>());
  // @ts-expect-error its tasks are others
  onAny(new Pool<{ add: (a: string) => string }>());
  // @ts-expect-error it has fewer
  onAny(new Pool<{ add: (a: number, b: number) => number }>());
});

test('names, arguments and results are inferred', () => {
  expectTypeOf(executor.run('add', [1, 2])).toEqualTypeOf<RunningTask<number>>();
  expectTypeOf(executor.run('now')).resolves.toEqualTypeOf<number>();
  expectTypeOf(executor.tasks.load('x')).toEqualTypeOf<RunningTask<Buffer>>();
  expectTypeOf(executor.map('load', ['a'])).toEqualTypeOf<AnyBatch<Buffer>>();
  expectTypeOf(executor.map('load', ['a'])).resolves.toEqualTypeOf<Buffer[]>();
  expectTypeOf(executor.starmap('add', [[1, 2]], { ordered: false }).settled()).resolves.toEqualTypeOf<PromiseSettledResult<number>[]>();
  expectTypeOf(executor.run('now').id).toEqualTypeOf<number | string>();
  expectTypeOf(executor.killTasks({ tag: 'x' })).resolves.toEqualTypeOf<number>();
});

test('a wrong name or argument is a compile error', () => {
  // @ts-expect-error no such task
  executor.run('subtract', [1, 2]);
  // @ts-expect-error not a function
  executor.run('VERSION');
  // @ts-expect-error a string is no number
  executor.run('add', [1, 'two']);
  // @ts-expect-error the arguments are missing
  executor.run('add');
  // @ts-expect-error one is missing
  executor.tasks.add(1);
  // @ts-expect-error items of the wrong type
  executor.map('load', [1]);
  // @ts-expect-error of a pool alone
  executor.resize(2);
});

test('a task and a batch of a pool are those of an executor', () => {
  expectTypeOf<Task<number>>().toExtend<RunningTask<number>>();
  expectTypeOf<Batch<number>>().toExtend<AnyBatch<number>>();
  expectTypeOf<Task<string>>().not.toExtend<RunningTask<number>>();
});

test('what has more and narrower methods than an executor is one, without a cast', () => {
  interface FarTask<R> extends RunningTask<R> {
    readonly id: string;
    readonly started: Promise<{ readonly startedAt: number }>;
  }
  interface FarBatch<R> extends AnyBatch<R> {
    readonly id: string;
    forget(): Promise<void>;
  }
  interface FarMapOptions extends MapOptions {
    id?: string | undefined;
  }
  abstract class Far<M extends object> implements Executor<M> {
    abstract readonly name: string;
    abstract readonly tasks: { readonly [K in TaskName<M>]: (...args: TaskArgs<M, K>) => FarTask<TaskResult<M, K>> };
    abstract run<K extends TaskName<M>>(name: K, ...rest: CallRest<TaskArgs<M, K>, TaskOptions>): FarTask<TaskResult<M, K>>;
    abstract map<K extends TaskName<M>>(
      name: K,
      items: Iterable<TaskArgs<M, K>[0]> | AsyncIterable<TaskArgs<M, K>[0]>,
      options?: FarMapOptions,
    ): FarBatch<TaskResult<M, K>>;
    abstract starmap<K extends TaskName<M>>(
      name: K,
      items: Iterable<TaskArgs<M, K>> | AsyncIterable<TaskArgs<M, K>>,
      options?: FarMapOptions,
    ): FarBatch<TaskResult<M, K>>;
    abstract killTasks(options?: KillTasksOptions & { everywhere?: boolean }): Promise<number>;
    abstract ready(): Promise<void>;
    abstract idle(): Promise<void>;
    abstract room(): Promise<void>;
    abstract close(options?: CloseOptions): Promise<void>;
    abstract terminate(): Promise<void>;
    abstract [Symbol.asyncDispose](): Promise<void>;
  }
  const far = {} as Far<Tasks>;
  onAny(far);
  const either: Executor<Tasks> = Math.random() > 2 ? far : new Pool<Tasks>();
  expectTypeOf(either.run('now')).toEqualTypeOf<RunningTask<number>>();
});
