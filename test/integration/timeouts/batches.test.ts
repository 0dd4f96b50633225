/** Time limits of the items of a batch: each item has its own. */
import { describe, expect, test } from 'vitest';
import { collect, mapPool } from '../../kit/maps.js';
import { newPool, rejection, useKit } from '../../kit/pools.js';

describe('time limits in a batch', () => {
  useKit();

  test('slow items reject, and the iteration of a mixed batch goes on to its end', async () => {
    const pool = newPool();
    const statuses: string[] = [];
    for await (const outcome of pool.map('sleep', [1, 10_000, 1, 10_000, 1], { timeoutMs: 500 }).outcomes()) statuses.push(outcome.status);
    expect(statuses).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  });

  test('slow items reject, and the outcomes come with their indices', async () => {
    const pool = mapPool();
    const outcomes = await collect(pool.map('sleep', [1, 10_000, 2, 10_000, 3], { timeoutMs: 500 }).outcomes());
    expect(outcomes.map(({ index, status }) => `${index} ${status}`)).toEqual([
      '0 fulfilled',
      '1 rejected',
      '2 fulfilled',
      '3 rejected',
      '4 fulfilled',
    ]);
  });

  test('the limit is for each item, also where items travel in chunks', async () => {
    const pool = newPool();
    const values = await pool.map('sleep', Array(20).fill(50) as number[], { chunkSize: 5, timeoutMs: 3000 });
    expect(values).toHaveLength(20);
  });

  test('results in time are delivered before the item that timed out rejects', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const delivered: unknown[] = [];
    const error = await rejection(
      (async () => {
        for await (const value of pool.map('sleep', [0, 1, 60_000], { timeoutMs: 1000 })) delivered.push(value);
      })(),
    );
    expect(delivered).toEqual([0, 1]);
    expect(error.name).toBe('TaskTimeoutError');
  });

  test('one stuck item of a thousand rejects, and the others succeed', async () => {
    const pool = newPool({ killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const items = Array.from({ length: 1000 }, (_, index) => (index === 500 ? 600_000 : 0));
    const values = (await pool.map('sleep', items, { timeoutMs: 2000, bufferSize: 100 }).settled()).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : 'stuck',
    );
    expect(values).toHaveLength(1000);
    expect(values[500]).toBe('stuck');
    expect(values.filter((value) => value === 0)).toHaveLength(999);
  });
});
