/** Streams: the values of generator tasks, one by one, with back-pressure. */
import { writeFileSync } from 'node:fs';
import { TaskCancelledError, type TaskStream, UnknownTaskError, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Generators from '../../fixtures/generators.js';
import { expectUsable, fixture, linesOf, newFolder, newGate, newPool, rejection, until, useKit } from '../../kit/pools.js';

const generating = (options = {}) => newPool<typeof Generators>({ module: fixture('generators.js'), ...options });

async function all<Y>(stream: TaskStream<Y>, limit = Number.POSITIVE_INFINITY): Promise<{ values: Y[]; error: unknown }> {
  const values: Y[] = [];
  try {
    for await (const value of stream) {
      values.push(value);
      if (values.length === limit) break;
    }
    return { values, error: undefined };
  } catch (error) {
    return { values, error };
  }
}

const upTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index);

describe('streams', () => {
  useKit();

  test('every value arrives once and in order, of sync and async generators and other iterables', async () => {
    const pool = generating();
    expect(await all(pool.stream('count', [0, 1000]))).toEqual({ values: upTo(1000), error: undefined });
    expect(await all(pool.stream('countSlowly', [0, 5, 5]))).toEqual({ values: upTo(5), error: undefined });
    expect(await all(pool.stream('listOf', [1, 'two', { three: 3 }] as never))).toEqual({
      values: [1, 'two', { three: 3 }],
      error: undefined,
    });
    expect(await all(pool.stream('count', [0, 0]))).toEqual({ values: [], error: undefined });
    const stream = pool.stream('count', [0, 3]);
    await all(stream);
    expect(await stream.task).toBeUndefined();
    expect(stream.task.state).toBe('succeeded');
    expect(pool.stats()).toMatchObject({ submitted: 5, succeeded: 5 });
    await expectUsable(pool as never);
  });

  test('values arrive while the generator goes on', async () => {
    const pool = generating();
    const folder = newFolder();
    const values: number[] = [];
    // The generator goes on only once this side has the value before.
    for await (const value of pool.stream('countWithFiles', [folder, 4])) {
      values.push(value);
      writeFileSync(`${folder}/${value}`, '');
    }
    expect(values).toEqual([0, 1, 2, 3]);
  });

  test('a reader that does not read stops the worker after 16 values, or 1 MiB', async () => {
    const pool = generating();
    const file = `${newFolder()}/made`;
    const stream = pool.stream('endless', [file]);
    await until('it has begun', () => linesOf(file).length >= 16);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(linesOf(file)).toHaveLength(16);
    const iterator = stream[Symbol.asyncIterator]();
    for (let taken = 1; taken <= 100; taken += 1) {
      expect(await iterator.next()).toEqual({ done: false, value: taken });
      expect(linesOf(file).length).toBeLessThanOrEqual(taken + 16);
    }
    await iterator.return?.();

    const big = `${newFolder()}/made`;
    const heavy = pool.stream('endless', [big, 400_000]);
    await until('it has begun', () => linesOf(big).length >= 3);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(linesOf(big)).toHaveLength(3);
    expect(((await all(heavy, 5)).values[4] as unknown as Buffer).length).toBe(400_000);
    await expectUsable(pool as never);
  });

  test("leaving the loop runs the generator's finally in the worker, which lives on", async () => {
    const pool = generating({ size: 1 });
    const pid = await pool.run('pid');
    for (const name of ['endless', 'cooperative'] as const) {
      const file = `${newFolder()}/made`;
      const stream = pool.stream(name, [file] as never);
      expect((await all(stream as TaskStream<number>, 3)).error).toBeUndefined();
      expect(linesOf(file).at(-1)).toContain('finally');
      expect(stream.task.state).toBe('cancelled');
      expect(await rejection(stream.task)).toMatchObject({ forced: false });
    }
    expect(await pool.run('pid')).toBe(pid);
    expect(pool.stats().deaths).toBe(0);
  });

  test('leaving a loop whose generator spins kills its worker after the grace', async () => {
    const pool = generating({ graceMs: 50 });
    const file = `${newFolder()}/spins`;
    const stream = pool.stream('spinsAt', [3, file]);
    await until('it spins', () => linesOf(file).length === 1);
    expect(await all(stream, 3)).toEqual({ values: [0, 1, 2], error: undefined });
    expect(await rejection(stream.task)).toMatchObject({ forced: true });
    await expectUsable(pool as never);
  });

  test('an error of the generator rejects the iteration, behind the values before it', async () => {
    const pool = generating();
    const { values, error } = await all(pool.stream('throwsAt', [3]));
    expect(values).toEqual([0, 1, 2]);
    expect(error).toBeInstanceOf(RangeError);
    const bad = await all(pool.stream('yieldsFunction'));
    expect(bad.values).toEqual([1]);
    expect(bad.error).toMatchObject({ code: 'ERR_EVERPOOL_SERIALIZATION', side: 'result' });
    const none = await all(pool.stream('add' as never, [1, 2] as never));
    expect(none.error).toBeInstanceOf(TypeError);
    expect((await all(pool.stream('nothing' as never))).error).toBeInstanceOf(UnknownTaskError);
    await expectUsable(pool as never);
  });

  test('the death of the worker rejects the iteration, behind the values that had arrived', async () => {
    const pool = generating();
    const { values, error } = await all(pool.stream('dies', [5], { retries: 3 }));
    expect(values).toEqual([0, 1, 2, 3, 4]);
    expect(error).toBeInstanceOf(WorkerDiedError);
    await expectUsable(pool as never);
  });

  test('a stream starts again only before its first value was taken', async () => {
    const pool = generating();
    const early = pool.stream('dies', [3, 'once'], { retries: 1 });
    await until('it has been started again', () => early.task.attempts.length === 2);
    expect((await all(early, 10)).values).toEqual(upTo(10));

    const late = pool.stream('dies', [100, 'once'], { retries: 1 });
    const { values, error } = await all(late);
    expect(values).toEqual(upTo(100));
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(late.task.attempts).toHaveLength(1);
    await expectUsable(pool as never);
  });

  test('kill, cancel, a signal, a timeout and the end of the pool reject the iteration; nobody else notices', async () => {
    const pool = generating({ size: 3, graceMs: 100 });
    const gate = newGate();
    const bystander = pool.run('untilFile', [gate.file, 'done']);
    await bystander.started;
    const file = `${newFolder()}/made`;
    const read = (stream: TaskStream<unknown>): Promise<{ error: unknown }> => all(stream);
    const killed = pool.stream('endless', [file]);
    const killing = read(killed);
    await killed.task.started;
    await killed.task.kill('enough');
    expect((await killing).error).toMatchObject({ name: 'TaskCancelledError', reason: 'enough' });

    const controller = new AbortController();
    const aborted = pool.stream('countSlowly', [0, 1000, 10], { signal: controller.signal });
    const aborting = read(aborted);
    await aborted.task.started;
    controller.abort(new Error('by signal'));
    expect((await aborting).error).toEqual(new Error('by signal'));

    expect((await read(pool.stream('countSlowly', [0, 1000, 10], { timeoutMs: 80 }))).error).toMatchObject({ name: 'TaskTimeoutError' });
    gate.open();
    expect(await bystander).toBe('done');
    const last = read(pool.stream('countSlowly', [0, 1000, 10]));
    await pool.terminate();
    expect((await last).error).toBeInstanceOf(TaskCancelledError);
    expect((await read(pool.stream('count', [0, 1]))).error).toMatchObject({ code: 'ERR_EVERPOOL_CLOSED' });
  });

  test('a stream that nobody reads rejects nothing unhandled; a second iteration is refused', async () => {
    const pool = generating();
    const ignored = pool.stream('throwsAt', [0]);
    await until('it has failed', () => ignored.task.state === 'failed');
    await new Promise((resolve) => setTimeout(resolve, 20));
    const stream = pool.stream('count', [0, 2]);
    await all(stream);
    expect(() => stream[Symbol.asyncIterator]()).toThrow(/once/);
    await expectUsable(pool as never);
  });
});
