/** Workers that are replaced by age, number of tasks or memory. */
import { OptionsError, type Pool } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Leaks from '../../fixtures/leaks.js';
import { expectUsable, fixture, isRunning, newPool, next, until, useKit } from '../../kit/pools.js';

type Recycled = { workerId: number; why: string };

function recycled(pool: Pool<never>): Recycled[] {
  const list: Recycled[] = [];
  pool.on('workerRecycled', (each) => list.push(each));
  return list;
}

describe('recycling', () => {
  useKit();

  test('three workers, ten tasks each, 100 tasks: no result is missing, and no worker runs more than ten', async () => {
    const pool = newPool({ size: 3, recycle: { afterTasks: 10 } });
    const list = recycled(pool as never);
    const pids = await Promise.all(Array.from({ length: 100 }, () => pool.run('pid')));
    const byPid = new Map<number, number>();
    for (const pid of pids) byPid.set(pid, (byPid.get(pid) ?? 0) + 1);
    expect(byPid.size).toBeGreaterThanOrEqual(10);
    for (const count of byPid.values()) expect(count).toBeLessThanOrEqual(10);
    expect(pids.every((pid) => pid > 0)).toBe(true);
    expect(pool.stats().deaths).toBe(0);
    expect(list.every(({ why }) => why === 'tasks')).toBe(true);
    await expectUsable(pool, 3);
  });

  test('recycle.afterTasks of 0, -1, 0.5 and "12" are refused, with the rule and the value', () => {
    for (const afterTasks of [0, -1, 0.5, '12']) {
      const make = () => newPool({ recycle: { afterTasks: afterTasks as number } });
      expect(make).toThrow(OptionsError);
      expect(make).toThrow(/recycle\.afterTasks.*integer >= 1/);
    }
  });

  test('one worker, three tasks each: the fourth has another pid, and there is never a second task process', async () => {
    const pool = newPool({ size: 1, recycle: { afterTasks: 3 } });
    const pids: number[] = [];
    for (let index = 0; index < 7; index += 1) {
      pids.push(await pool.run('pid'));
      expect(pool.workers().filter(({ state }) => state === 'busy').length).toBeLessThanOrEqual(1);
    }
    expect(new Set(pids.slice(0, 3)).size).toBe(1);
    expect(new Set(pids.slice(3, 6)).size).toBe(1);
    expect(new Set(pids).size).toBe(3);
  });

  test('one task each, six tasks, closed immediately: all results, and no deadlock', async () => {
    const pool = newPool({ size: 1, recycle: { afterTasks: 1 } });
    const pids = Array.from({ length: 6 }, () => pool.run('pid'));
    await pool.close();
    expect(new Set(await Promise.all(pids)).size).toBe(6);
  });

  test('one task each, under load and resized meanwhile, loses nothing', async () => {
    const pool = newPool({ size: 2, recycle: { afterTasks: 1 } });
    const pids = Array.from({ length: 30 }, () => pool.run('pid'));
    for (const size of [4, 1, 3, 2]) {
      await Promise.race(pids.slice(-4));
      pool.resize(size);
    }
    expect(new Set(await Promise.all(pids)).size).toBe(30);
    expect(pool.stats().deaths).toBe(0);
    await expectUsable(pool);
  });

  test('two tasks each, four tasks: exactly two pids', async () => {
    const pool = newPool({ size: 1, recycle: { afterTasks: 2 } });
    const pids: number[] = [];
    for (let index = 0; index < 4; index += 1) pids.push(await pool.run('pid'));
    expect(new Set(pids).size).toBe(2);
  });

  test('a worker older than afterMs is replaced, twice, while its pool works', async () => {
    const pool = newPool({ size: 1, recycle: { afterMs: 300 } });
    const list = recycled(pool as never);
    const pids = new Set<number>();
    await until('two have been replaced', async () => {
      pids.add(await pool.run('pid'));
      return pids.size >= 3;
    });
    expect(list.length).toBeGreaterThanOrEqual(2);
    expect(list.every(({ why }) => why === 'age')).toBe(true);
    expect(pool.stats().deaths).toBe(0);
  });

  test('with jitter workers of one age do not all leave together', async () => {
    const pool = newPool({ size: 4, recycle: { afterMs: 600, jitter: 0.9 } });
    const times: number[] = [];
    pool.on('workerRecycled', () => times.push(performance.now()));
    await pool.ready();
    await until('all four have left', () => times.length >= 4);
    expect(Math.max(...times.slice(0, 4)) - Math.min(...times.slice(0, 4))).toBeGreaterThan(20);
  });

  test('300 tasks that leak 3 MB each: the pids change, the leak stays bounded, and no task is lost', async () => {
    const pool = newPool<typeof Leaks>({ module: fixture('leaks.js'), size: 2, recycle: { aboveRssBytes: 150e6 } });
    const list = recycled(pool as never);
    const pids = new Set<number>();
    let most = 0;
    for (let index = 0; index < 300; index += 2) {
      for (const { pid, held } of await Promise.all([pool.run('leak', [3]), pool.run('leak', [3])])) {
        pids.add(pid);
        most = Math.max(most, held);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(pids.size).toBeGreaterThan(2);
    expect(most).toBeLessThan(450e6); // half of what all of them leak
    expect(list.every(({ why }) => why === 'rss')).toBe(true);
    expect(pool.stats()).toMatchObject({ succeeded: 300, failed: 0, deaths: 0 });
  });

  test('over aboveRssBytes after a task: its result arrives, then the worker is replaced, and no death is counted', async () => {
    const pool = newPool<typeof Leaks>({ module: fixture('leaks.js'), size: 1, recycle: { aboveRssBytes: 120e6 } });
    const wasRecycled = next(pool as never, 'workerRecycled');
    const { pid, held } = await pool.run('leak', [150]);
    expect(held).toBe(150e6);
    expect(await wasRecycled).toMatchObject({ why: 'rss' });
    await until('it has left', () => !isRunning(pid));
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats().deaths).toBe(0);
  });
});
