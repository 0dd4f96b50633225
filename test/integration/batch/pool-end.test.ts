/** A map whose pool breaks, closes or terminates, or waits for it. */
import { PoolBrokenError, PoolClosedError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { count, endless, mapPool } from '../../kit/maps.js';
import { newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('the end of a pool in the middle of a map', () => {
  useKit();

  test('a pool that breaks rejects the map and closes its input, and cancel() works', async () => {
    const options = {
      module: 'data:text/javascript,process.exit(3)',
      stderr: 'ignore',
      restart: { intensity: 1, backoff: { initialMs: 1 } },
    } as const;
    const pool = mapPool(options);
    const { items, seen } = endless();
    const settledInput = endless();
    const batch = pool.map('square', items);
    const settled = pool.map('square', settledInput.items, { bufferSize: 3 }).settled();
    expect(await rejection(batch)).toBeInstanceOf(PoolBrokenError);
    expect(seen.closed).toBe(1);
    await batch.cancel();
    const reasons = (await settled).map((outcome) => (outcome as PromiseRejectedResult).reason);
    expect(reasons).toHaveLength(4);
    for (const reason of reasons) expect(reason).toBeInstanceOf(PoolBrokenError);
    expect(settledInput.seen.closed).toBe(1);
    expect(await rejection(pool.map('square', [1]))).toBeInstanceOf(PoolBrokenError);
  });

  test('close() finishes a map whose input was read to its end, and refuses the rest of another', async () => {
    const pool = mapPool();
    const whole = pool.map('square', count(8)).then((values) => values);
    const { items, seen } = endless();
    const rest = rejection(pool.map('square', items));
    await pool.close();
    expect(await whole).toEqual(count(8).map((value) => value * value));
    expect(await rest).toBeInstanceOf(PoolClosedError);
    expect(seen.closed).toBe(1);
  });

  test('terminate() rejects the map and closes its input', async () => {
    const pool = mapPool({ graceMs: 50 });
    const { items, seen } = endless();
    const batch = pool.starmap(
      'sleep',
      map(items, () => [10_000]),
    );
    const error = rejection(batch);
    await until('one runs', () => batch.progress.running === 2);
    await pool.terminate();
    expect(await error).toBeInstanceOf(TaskCancelledError);
    await until('the input is closed', () => seen.closed === 1);

    function* map<A, B>(values: Iterable<A>, to: (value: A) => B): Generator<B> {
      for (const value of values) yield to(value);
    }
  });

  test('an iterator of a closed pool gives what it has, then fails', async () => {
    const pool = mapPool();
    const { items, seen } = endless();
    const iterator = pool.map('square', items)[Symbol.asyncIterator]();
    await pool.close();
    for (let index = 0; index < 8; index += 1) expect(await iterator.next()).toEqual({ done: false, value: index * index });
    expect(await rejection(iterator.next())).toBeInstanceOf(PoolClosedError);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(seen.closed).toBe(1);
  });

  test('idle() waits for the whole map, though its tasks settle together', async () => {
    const pool = newPool({ size: 2 });
    await pool.ready();
    let done = 0;
    const batch = pool.map('noop', Array(400).fill(undefined), { bufferSize: 2 }).then((values) => {
      done = values.length;
    });
    await pool.idle();
    expect(pool.stats().succeeded).toBe(400);
    await batch;
    expect(done).toBe(400);
  });
});
