/** Sizes between a minimum and a maximum, and resize(). */
import { OptionsError, type Pool, type PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, linesOf, newFolder, newGate, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

type Recycled = { workerId: number; why: string };

function recycled(pool: Pool<never>): Recycled[] {
  const list: Recycled[] = [];
  pool.on('workerRecycled', (each) => list.push(each));
  return list;
}

describe('the size of a pool', () => {
  useKit();

  test('never exceeds its maximum under 45 waiting tasks', async () => {
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

  test('shrinks to 0 after idleTimeoutMs, and grows on demand', async () => {
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

  test('with min 0 grows again when its last worker dies with tasks in the queue', async () => {
    const pool = newPool({ size: { min: 0, max: 1 } });
    const first = pool.run('sleep', [60_000]);
    const rest = Array.from({ length: 5 }, (_, index) => pool.run('add', [index, 1]));
    process.kill((await first.started).pid, 'SIGKILL');
    await rejection(first);
    expect(await Promise.all(rest)).toEqual([1, 2, 3, 4, 5]);
  });

  test('does not grow for tasks that are done before a second worker would be ready', async () => {
    const pool = newPool({ size: { min: 1, max: 4 } });
    await pool.run('noop');
    for (let index = 0; index < 20; index += 1) await pool.run('noop'); // short, as is known now
    await Promise.all(Array.from({ length: 200 }, () => pool.run('noop')));
    expect(pool.stats().spawned).toBe(1);
    // A short task behind a long one waits longer than a boot takes: then another worker comes for
    // it.
    const long = pool.run('sleep', [60_000]);
    await long.started;
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats().spawned).toBe(2);
    await long.kill();
    await Promise.all(Array.from({ length: 4 }, () => pool.run('spin', [100])));
    expect(pool.workers()).toHaveLength(4);
    await rejection(long);
  });

  test('shrinks only after a surplus worker has finished its task', async () => {
    const pool = newPool({ size: 2 });
    const gate = newGate();
    const tasks = [pool.run('untilFile', [gate.file, 'a']), pool.run('untilFile', [gate.file, 'b'])];
    await Promise.all(tasks.map((task) => task.started));
    pool.resize(1);
    gate.open();
    expect(await Promise.all(tasks)).toEqual(['a', 'b']);
    await until('one is left', () => pool.workers().length === 1);
    await expectUsable(pool, 1);
  });

  test('is refused if it is invalid, with the rule and the value', () => {
    const sizes: unknown[] = [0, -1, 1.5, '2', Number.NaN, { min: -1, max: 2 }, { min: 3, max: 2 }, { min: 0, max: 0 }, { max: 2 }];
    for (const size of sizes) {
      expect(() => newPool({ size: size as PoolOptions['size'] as number })).toThrow(OptionsError);
      expect(() => newPool({ size: size as number })).toThrow(/size/);
    }
    const pool = newPool();
    for (const size of sizes) expect(() => pool.resize(size as number)).toThrow(OptionsError);
  });

  test('may change while the pool closes, restarts, or is broken', async () => {
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
