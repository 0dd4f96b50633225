/** cancel() and kill() of a batch: all of it ends, and nothing else does (G5). */
import { TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as ManyWays from '../../fixtures/ends-in-many-ways.js';
import { count, mapPool } from '../../kit/maps.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('the end of a batch', () => {
  useKit();

  test('cancel() after one result rejects the remaining items', async () => {
    const pool = newPool({ graceMs: 20 });
    const batch = pool.map('sleep', [1, 10_000, 10_000, 10_000, 10_000], { onError: 'continue' });
    const all = batch.settled();
    await until('the first is done', () => batch.progress.done === 1);
    await batch.cancel();
    const outcomes = await all;
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected']);
    for (const outcome of outcomes.slice(1)) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool);
  });

  test('cancel() after one outcome was read rejects the other four as cancelled', async () => {
    const pool = mapPool({ graceMs: 20 });
    const batch = pool.map('sleep', [1, 10_000, 10_000, 10_000, 10_000]);
    const outcomes = batch.outcomes()[Symbol.asyncIterator]();
    expect((await outcomes.next()).value).toMatchObject({ index: 0, status: 'fulfilled' });
    await batch.cancel();
    for (let index = 1; index < 5; index += 1) {
      const { value } = await outcomes.next();
      expect(value).toMatchObject({ index, status: 'rejected' });
      expect(value.reason).toBeInstanceOf(TaskCancelledError);
    }
    expect((await outcomes.next()).done).toBe(true);
  });

  test('cancel() ends what runs and what waits, and resolves when none of it runs', async () => {
    const pool = newPool<typeof ManyWays>({
      module: fixture('ends-in-many-ways.js'),
      graceMs: 20,
      killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }],
    });
    const file = `${newFolder()}/starts`;
    const orders = count(10).map((item) => ({ file, line: String(item), how: 'never' }));
    const batch = pool.map('act', orders, { chunkSize: 2 });
    const settled = batch.settled();
    // A cancel that comes before the function of an item is called ends that item and not its
    // worker: so both must have been called.
    await until('two items run', () => linesOf(file).length === 2);
    const pids = pool.workers().map((worker) => worker.pid as number);
    await batch.cancel();
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0, waiting: 0 });
    expect(pids.some(isRunning)).toBe(false);
    for (const outcome of await settled) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool as never);
  });

  test.each(['cancel', 'kill'] as const)('%s() of one of two batches: the other succeeds, each item started once (G5)', async (how) => {
    const pool = mapPool({ graceMs: 50 });
    const folder = newFolder();
    const kept = pool.map(
      'mark',
      count(40).map((item) => ({ file: `${folder}/kept`, item, ms: 5 })),
      { bufferSize: 40 },
    );
    const all = kept.then((values) => values);
    const doomed = pool.map(
      'mark',
      count(40).map((item) => ({ file: `${folder}/doomed`, item, how: 'spin' })),
      { bufferSize: 40 },
    );
    const error = rejection(doomed);
    await until('one of the doomed runs', () => linesOf(`${folder}/doomed`).length > 0);
    await doomed[how]('enough');
    const started = linesOf(`${folder}/doomed`).length;
    expect(started).toBeLessThanOrEqual(2);
    expect(await error).toMatchObject({ name: 'TaskCancelledError', reason: 'enough', forced: true });
    expect(await all).toEqual(count(40));
    expect(
      linesOf(`${folder}/kept`)
        .map(Number)
        .sort((a, b) => a - b),
    ).toEqual(count(40));
    expect(linesOf(`${folder}/doomed`)).toHaveLength(started);
  });

  test('a batch cancelled in the tick that made it never starts (G6)', async () => {
    const pool = mapPool();
    await pool.ready();
    const file = `${newFolder()}/marks`;
    const batch = pool.map(
      'mark',
      count(20).map((item) => ({ file, item })),
      { bufferSize: 20 },
    );
    const settled = batch.settled();
    await batch.cancel();
    expect((await settled).every(({ status }) => status === 'rejected')).toBe(true);
    expect(await pool.map('square', [3])).toEqual([9]);
    expect(linesOf(file)).toEqual([]);
  });

  test('a signal cancels a batch, which rejects with its reason; workers that heed it live on', async () => {
    const pool = mapPool();
    await pool.ready();
    const pids = pool.workers().map(({ pid }) => pid);
    const stop = new AbortController();
    const file = `${newFolder()}/marks`;
    const batch = pool.map(
      'mark',
      count(20).map((item) => ({ file, item, how: 'until-aborted' })),
      { signal: stop.signal },
    );
    const error = rejection(batch);
    await until('two run', () => linesOf(file).length === 2);
    const reason = new Error('stop');
    stop.abort(reason);
    expect(await error).toBe(reason);
    await pool.idle();
    expect(linesOf(file)).toHaveLength(2);
    expect(pool.workers().map(({ pid }) => pid)).toEqual(pids);
  });

  test('kill() of one of two batches of one function leaves the other exact, and a third runs', async () => {
    const pool = newPool();
    const file = `${newFolder()}/marks`;
    const items = (name: string): [string, string, number][] => Array.from({ length: 200 }, (_, index) => [file, `${name}${index}`, 1]);
    const doomed = pool.starmap('mark', items('doomed'));
    const other = pool.starmap('mark', items('other'));
    const values = Promise.all([other]).then(([list]) => list);
    const error = rejection(doomed);
    await until(
      'both have begun',
      () => linesOf(file).some((line) => line.startsWith('other')) && linesOf(file).some((line) => line.startsWith('d')),
    );
    await doomed.kill();
    expect(await error).toMatchObject({ name: 'TaskCancelledError' });
    expect(await values).toEqual(items('other').map(([, name]) => name));
    expect(
      linesOf(file)
        .filter((line) => line.startsWith('other'))
        .sort(),
    ).toEqual(
      items('other')
        .map(([, name]) => name)
        .sort(),
    );
    expect(linesOf(file).filter((line) => line.startsWith('doomed')).length).toBeLessThan(200);
    expect(await pool.starmap('mark', items('third'))).toHaveLength(200);
  });
});
