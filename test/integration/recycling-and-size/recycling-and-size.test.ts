/** Group I: recycling, resizing, rolling restarts. */
import { writeFileSync } from 'node:fs';
import { OptionsError, type Pool, type PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Leaks from '../../fixtures/leaks.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

type Recycled = { workerId: number; why: string };

function recycled(pool: Pool<never>): Recycled[] {
  const list: Recycled[] = [];
  pool.on('workerRecycled', (each) => list.push(each));
  return list;
}

describe('I: recycling and resizing', () => {
  useKit();

  test('I01: 3 workers, 10 tasks each, 100 tasks: all results, the pids change, none is missing', async () => {
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

  test('a pool that closes has a worker for a retry, also when the failed attempt was the last one of its worker', async () => {
    const pool = newPool({ size: 1, pipelining: false, recycle: { afterTasks: 3 } });
    await pool.run('noop');
    await new Promise((resolve) => setTimeout(resolve, 100)); // the worker is proven, and nothing is due any more
    const before = pool.run('sleep', [200]);
    const task = pool.run('throws', [], { retries: { error: 2, delayMs: 30 } });
    const closed = pool.close();
    await before;
    await rejection(task);
    expect(task.attempts).toHaveLength(3);
    await closed;
  });

  test('I02: recycle.afterTasks of 0, -1, 0.5 and "12" are refused, with the rule and the value', () => {
    for (const afterTasks of [0, -1, 0.5, '12']) {
      const make = () => newPool({ recycle: { afterTasks: afterTasks as number } });
      expect(make).toThrow(OptionsError);
      expect(make).toThrow(/recycle\.afterTasks.*integer >= 1/);
    }
  });

  test('I03: 1 worker, 3 tasks each: the fourth has another pid, and there is never a second task process', async () => {
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

  test('I05: one task each, 6 tasks, closed at once: all results, and no deadlock', async () => {
    const pool = newPool({ size: 1, recycle: { afterTasks: 1 } });
    const pids = Array.from({ length: 6 }, () => pool.run('pid'));
    await pool.close();
    expect(new Set(await Promise.all(pids)).size).toBe(6);
  });

  test('I05: one task each, under load and resized meanwhile', async () => {
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

  test('I09: two tasks each, 4 tasks: exactly two pids', async () => {
    const pool = newPool({ size: 1, recycle: { afterTasks: 2 } });
    const pids: number[] = [];
    for (let index = 0; index < 4; index += 1) pids.push(await pool.run('pid'));
    expect(new Set(pids).size).toBe(2);
  });

  test('I11: 15 tasks for each worker that all block: as many processes as the maximum, never more', async () => {
    const pool = newPool({ size: { min: 0, max: 3 } });
    const tasks = Array.from({ length: 45 }, () => pool.run('sleep', [20]));
    let most = 0;
    const looks = setInterval(() => {
      most = Math.max(most, pool.workers().length);
    }, 2);
    await Promise.all(tasks);
    clearInterval(looks);
    expect(most).toBe(3);
  });

  test('I12: idle for 10 ms, the workers leave, come back on demand, and the results are right', async () => {
    const pool = newPool({ size: { min: 0, max: 2 }, idleTimeoutMs: 10 });
    const list = recycled(pool as never);
    const pids = new Set<number>();
    for (let round = 0; round < 5; round += 1) {
      expect(await Promise.all([pool.run('add', [round, 1]), pool.run('add', [round, 2])])).toEqual([round + 1, round + 2]);
      pids.add(await pool.run('pid'));
      await until('they have left', () => pool.workers().length === 0);
    }
    expect(pids.size).toBe(5);
    expect(list.every(({ why }) => why === 'idle')).toBe(true);
    expect(pool.stats().deaths).toBe(0);
  });

  test('I12: with min 0 the death of the last worker with a queue strands nothing', async () => {
    const pool = newPool({ size: { min: 0, max: 1 } });
    const first = pool.run('sleep', [60_000]);
    const rest = Array.from({ length: 5 }, (_, index) => pool.run('add', [index, 1]));
    process.kill((await first.started).pid, 'SIGKILL');
    await rejection(first);
    expect(await Promise.all(rest)).toEqual([1, 2, 3, 4, 5]);
  });

  test('an elastic pool starts no second worker for tasks that are done before it would be there', async () => {
    const pool = newPool({ size: { min: 1, max: 4 } });
    await pool.run('noop');
    for (let index = 0; index < 20; index += 1) await pool.run('noop'); // short, as is known now
    await Promise.all(Array.from({ length: 200 }, () => pool.run('noop')));
    expect(pool.stats().spawned).toBe(1);
    // A short task behind a long one waits longer than a boot takes: then another worker comes for it.
    const long = pool.run('sleep', [60_000]);
    await long.started;
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats().spawned).toBe(2);
    await long.kill();
    await Promise.all(Array.from({ length: 4 }, () => pool.run('spin', [100])));
    expect(pool.workers()).toHaveLength(4);
    await rejection(long);
  });

  test('a worker that is let go by a smaller size finishes its task', async () => {
    const pool = newPool({ size: 2 });
    const tasks = [pool.run('sleep', [200, 'a']), pool.run('sleep', [200, 'b'])];
    await Promise.all(tasks.map((task) => task.started));
    pool.resize(1);
    expect(await Promise.all(tasks)).toEqual(['a', 'b']);
    await until('one is left', () => pool.workers().length === 1);
    await expectUsable(pool, 1);
  });

  test('I23: a rolling restart under load: no task fails, one worker at a time, no dip in capacity', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const old = new Set(pool.workers().map(({ pid }) => pid));
    let done = 0;
    let isOver = false;
    const load = Promise.all(
      Array.from({ length: 6 }, async () => {
        while (!isOver) {
          expect(await pool.run('sleep', [5, 'x'])).toBe('x');
          done += 1;
        }
      }),
    );
    let least = Number.POSITIVE_INFINITY;
    let mostStarting = 0;
    const looks = setInterval(() => {
      const workers = pool.workers();
      least = Math.min(least, workers.filter(({ state }) => state === 'idle' || state === 'busy').length);
      mostStarting = Math.max(mostStarting, workers.filter(({ state }) => state === 'starting').length);
    }, 1);
    await pool.restart();
    clearInterval(looks);
    isOver = true;
    await load;
    expect(done).toBeGreaterThan(20);
    expect(least).toBe(3);
    expect(mostStarting).toBe(1);
    // A process may have ended before the pool has heard of it.
    await until('the pool has seen them leave', () => pool.workers().every(({ pid }) => !old.has(pid)));
    expect([...old].some((pid) => isRunning(pid as number))).toBe(false);
    expect(pool.stats()).toMatchObject({ failed: 0, cancelled: 0, retried: 0, deaths: 0 });
  });

  test('I23: a restart picks up new code; a new version that cannot start leaves the old workers and rejects', async () => {
    const file = `${newFolder()}/versioned.mjs`;
    const write = (text: string): void => writeFileSync(file, text);
    write('export const version = () => 1;');
    const pool = newPool<{ version: () => number }>({ module: file, size: 2, restart: { intensity: 50 } });
    expect(await pool.run('version')).toBe(1);
    write('export const version = () => 2;');
    await pool.restart();
    expect(await Promise.all([pool.run('version'), pool.run('version')])).toEqual([2, 2]);
    write('throw new Error("version 3 is broken"); export const version = () => 3;');
    const error = await rejection(pool.restart());
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_RESTART' });
    expect(error.message).toContain('version 3 is broken');
    expect(pool.state).toBe('open');
    expect(pool.workers().filter(({ state }) => state === 'idle')).toHaveLength(2);
    expect(await Promise.all([pool.run('version'), pool.run('version')])).toEqual([2, 2]);
    write('export const version = () => 4;');
    await pool.restart({ rolling: false });
    expect(await pool.run('version')).toBe(4);
  });

  test('I24: a lifetime of 300 ms: the worker is replaced, twice, while its pool works', async () => {
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

  test('I24: with jitter workers of one age do not all leave together', async () => {
    const pool = newPool({ size: 4, recycle: { afterMs: 600, jitter: 0.9 } });
    const times: number[] = [];
    pool.on('workerRecycled', () => times.push(performance.now()));
    await pool.ready();
    await until('all four have left', () => times.length >= 4);
    expect(Math.max(...times.slice(0, 4)) - Math.min(...times.slice(0, 4))).toBeGreaterThan(20);
  });

  test('I25: tasks that leak 3 MB each, 300 of them: the pids change, the leak stays bounded, no task is lost', async () => {
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

  test('I27: over the limit after a task: its result comes first, then the worker is replaced, and no death is counted', async () => {
    const pool = newPool<typeof Leaks>({ module: fixture('leaks.js'), size: 1, recycle: { aboveRssBytes: 120e6 } });
    const gone = next(pool as never, 'workerRecycled');
    const { pid, held } = await pool.run('leak', [150]);
    expect(held).toBe(150e6);
    expect(await gone).toMatchObject({ why: 'rss' });
    await until('it has left', () => !isRunning(pid));
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats().deaths).toBe(0);
  });

  test('I29: sizes that are none are refused, with the rule and the value', () => {
    const sizes: unknown[] = [0, -1, 1.5, '2', Number.NaN, { min: -1, max: 2 }, { min: 3, max: 2 }, { min: 0, max: 0 }, { max: 2 }];
    for (const size of sizes) {
      expect(() => newPool({ size: size as PoolOptions['size'] as number })).toThrow(OptionsError);
      expect(() => newPool({ size: size as number })).toThrow(/size/);
    }
    const pool = newPool();
    for (const size of sizes) expect(() => pool.resize(size as number)).toThrow(OptionsError);
  });

  test('resize in a closing, a restarting and a broken pool does no harm', async () => {
    const file = `${newFolder()}/lines`;
    const closing = newPool({ size: 2 });
    const tasks = Array.from({ length: 8 }, (_, index) => closing.run('markAsync', [file, String(index), 20]));
    const closed = closing.close();
    closing.resize(1);
    closing.resize(4);
    await closed;
    await Promise.all(tasks);
    expect(linesOf(file)).toHaveLength(8);

    const restarting = newPool({ size: 3 });
    await restarting.ready();
    const restarted = restarting.restart();
    restarting.resize(1);
    restarting.resize(2);
    await restarted;
    await expectUsable(restarting);

    const broken = newPool({ module: fixture('throws-anything.js').replace('throws-anything', 'no-such-module'), size: 2 });
    await next(broken, 'broken');
    broken.resize(4);
    expect(broken.state).toBe('broken');
    await broken.kill();
  });
});
