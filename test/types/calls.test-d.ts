import { type CallRest, Pool, type Scope, type Task, type TaskOptions, type TaskStream } from 'everpool';
import { expectTypeOf, test } from 'vitest';

interface Tasks {
  add: (a: number, b: number) => number;
  pad: (text: string, width?: number) => string;
  now: () => number;
  maybe: (a?: number) => void;
  sum: (...numbers: number[]) => number;
  echo: <T>(value: T) => T;
  count: (to: number) => Generator<number>;
  ticks: () => AsyncGenerator<Date>;
}

declare const pool: Pool<Tasks>;
declare const scope: Scope<Tasks>;
declare const options: TaskOptions;

test('arguments may be left out only where the function can be called without any', () => {
  // @ts-expect-error add takes two arguments
  pool.run('add');
  // @ts-expect-error they are no options
  pool.run('add', { timeoutMs: 5 });
  // @ts-expect-error undefined is no list of two
  pool.run('add', undefined, options);
  // @ts-expect-error one is missing
  pool.run('add', [1]);
  // @ts-expect-error one too many
  pool.run('add', [1, 2, 3]);
  // @ts-expect-error the first argument has to be given
  pool.run('pad');
  // @ts-expect-error so has a value of any type
  pool.run('echo');
  pool.run('pad', ['x']);
  pool.run('pad', ['x', 3], options);
  for (const without of ['now', 'maybe', 'sum'] as const) pool.run(without);
  pool.run('now', []);
  pool.run('now', undefined, { timeoutMs: 5 });
  pool.run('maybe', [1], options);
  pool.run('sum', [1, 2, 3]);
  // @ts-expect-error now takes none
  pool.run('now', [1]);
});

test('the same in a scope', () => {
  // @ts-expect-error add takes two arguments
  scope.run('add');
  // @ts-expect-error count takes one
  scope.stream('count');
  // @ts-expect-error the function takes one
  scope.exec((n: number) => n);
  expectTypeOf(scope.run('add', [1, 2], options)).toEqualTypeOf<Task<number>>();
  expectTypeOf(scope.run('now')).toEqualTypeOf<Task<number>>();
  expectTypeOf(scope.exec(() => 'x')).toEqualTypeOf<Task<string>>();
  expectTypeOf(scope.stream('ticks')).toEqualTypeOf<TaskStream<Date>>();
  expectTypeOf(scope.tasks.add(1, 2)).toEqualTypeOf<Task<number>>();
  expectTypeOf(scope.map('pad', ['x'])).resolves.toEqualTypeOf<string[]>();
});

test('the same for exec and stream', () => {
  // @ts-expect-error the function takes two arguments
  pool.exec((a: number, b: number) => a + b);
  // @ts-expect-error a string is no number
  pool.exec((n: number) => n, ['1']);
  // @ts-expect-error count takes one
  pool.stream('count');
  expectTypeOf(pool.stream('now')).toEqualTypeOf<TaskStream<never>>();
  expectTypeOf(pool.exec((a: number, b: number) => `${a}${b}`, [1, 2], options)).toEqualTypeOf<Task<string>>();
  expectTypeOf(pool.exec(async () => 1)).toEqualTypeOf<Task<number>>();
  expectTypeOf(pool.exec((n?: number) => n)).toEqualTypeOf<Task<number | undefined>>();
  expectTypeOf(pool.stream('count', [3])).toEqualTypeOf<TaskStream<number>>();
  expectTypeOf(pool.stream('ticks', [], options)).toEqualTypeOf<TaskStream<Date>>();
});

test('a pool whose module has no type takes any name and any arguments', () => {
  const untyped = new Pool();
  untyped.run('anything');
  untyped.run('anything', [1, 'two'], { retries: 1 });
  untyped.stream('anything');
  untyped.exec(() => 1, []);
  expectTypeOf(untyped.run('anything')).resolves.toBeAny();
});

test('CallRest is what follows a name', () => {
  expectTypeOf<CallRest<[], string>>().toEqualTypeOf<[args?: [] | undefined, options?: string | undefined]>();
  expectTypeOf<CallRest<[number], string>>().toEqualTypeOf<[args: [number], options?: string | undefined]>();
});
