import { Pool, type Task } from 'everpool';
import { expectTypeOf, test } from 'vitest';

interface Tasks {
  add: (a: number, b: number) => number;
  load: (path: string) => Promise<Buffer>;
  VERSION: string;
}

declare const pool: Pool<Tasks>;

test('names, arguments and results are inferred from the task module', () => {
  expectTypeOf(pool.run('add', [1, 2])).toEqualTypeOf<Task<number>>();
  expectTypeOf(pool.tasks.load('x')).toEqualTypeOf<Task<Buffer>>();
  expectTypeOf(pool.exec((n: number) => `${n}`, [1])).toEqualTypeOf<Task<string>>();
  expectTypeOf(pool.map('load', ['a', 'b'])).resolves.toEqualTypeOf<Buffer[]>();
});

test('a wrong name or argument is a compile error', () => {
  // @ts-expect-error no such task
  pool.run('subtract', [1, 2]);
  // @ts-expect-error not a function
  pool.run('VERSION', []);
  // @ts-expect-error a string is no number
  pool.run('add', [1, 'two']);
  // @ts-expect-error an argument is missing
  pool.tasks.add(1);
  // @ts-expect-error items of the wrong type
  pool.map('load', [1, 2]);
  // @ts-expect-error an unknown option
  new Pool<Tasks>({ siez: 2 });
});
