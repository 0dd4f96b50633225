/** Warm spares; the hooks of a worker. */
import type { Pool, PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Hooked from '../../fixtures/hooked.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

const allIdle = (pool: Pool<never> | Pool<object>, count: number): boolean =>
  pool.workers().filter(({ state }) => state === 'idle').length === count;

describe('spares', () => {
  useKit();

  const spared = (options: PoolOptions = {}) => newPool({ size: 2, spares: 2, restart: { intensity: 1000 }, ...options });

  test('they boot ahead, are seen, are given no tasks, and take the place of a dead worker in the same turn', async () => {
    const pool = spared();
    await until('all are ready', () => allIdle(pool, 4));
    const spares = pool.workers().filter(({ slot }) => slot === -1);
    expect(spares).toHaveLength(2);
    expect(spares.every(({ state, tasks }) => state === 'idle' && tasks.length === 0)).toBe(true);
    expect(pool.stats().size).toBe(2);
    const pids = new Set(await Promise.all(Array.from({ length: 20 }, () => pool.run('pid'))));
    expect(spares.some(({ pid }) => pids.has(pid as number))).toBe(false);

    const died = next(pool, 'workerDied');
    const victim = pool.workers().find(({ slot }) => slot === 0)?.id as number;
    void pool.killWorker(victim);
    await died;
    // The listener is called when the turn's effects are done.
    expect(pool.workers().filter(({ slot, state }) => slot >= 0 && state === 'idle')).toHaveLength(2);
    const [promoted] = pool.workers().filter(({ slot }) => slot === 0);
    expect(spares.map(({ id }) => id)).toContain(promoted?.id);
    await until('it is refilled behind', () => pool.stats().spares === 2);
    await expectUsable(pool);
  });

  test('one spare, all spares, a spare that is just promoted, and everything at once are killed: nothing is lost', async () => {
    const pool = spared();
    await until('all are ready', () => allIdle(pool, 4));
    const tasks = Array.from({ length: 400 }, (_, index) => pool.run('sleep', [2, index], { retries: 50 }));
    const kill = (which: (slot: number) => boolean): void => {
      for (const { pid, slot } of pool.workers()) if (pid !== undefined && which(slot)) process.kill(pid, 'SIGKILL');
    };
    const someMore = async (): Promise<void> => {
      const { succeeded } = pool.stats();
      await until('some more have run', () => pool.stats().succeeded >= succeeded + 30);
    };
    for (let round = 0; round < 3; round += 1) {
      kill((slot) => slot === -1);
      await someMore();
      kill((slot) => slot === 0); // promoted from a spare …
      kill((slot) => slot === -1); // … which is killed in the same moment
      await someMore();
      kill(() => true);
      await someMore();
    }
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
    await until('all are back', () => pool.stats().spares === 2 && pool.stats().size === 2);
    await expectUsable(pool);
  });

  test('a spare that was killed while it was idle is a charged death; its replacement backs off like that of a slot', async () => {
    const pool = spared({ restart: { intensity: 1000, backoff: { initialMs: 200, maxMs: 200, jitter: 0 } } });
    await until('all are ready', () => allIdle(pool, 4));
    const died = next(pool, 'workerDied');
    process.kill(pool.workers().find(({ slot }) => slot === -1)?.pid as number, 'SIGKILL');
    expect((await died).death).toMatchObject({ phase: 'idle', requested: false });
    const start = performance.now();
    expect(pool.workers().filter(({ slot }) => slot === -1)).toHaveLength(1);
    await next(pool, 'workerSpawned');
    expect(performance.now() - start).toBeGreaterThan(150);
    expect(pool.workers().find(({ state }) => state === 'starting')?.slot).toBe(-1);
  });

  test('while a slot backs off, workers() and stats() do not count it', async () => {
    const pool = newPool({ size: 2, restart: { backoff: { initialMs: 300, maxMs: 300, jitter: 0 } } });
    await pool.ready();
    const died = next(pool, 'workerDied');
    process.kill(pool.workers()[0]?.pid as number, 'SIGKILL');
    await died;
    expect(pool.stats().size).toBe(1);
    expect(pool.workers()).toHaveLength(1);
    await until('it is back', () => pool.stats().size === 2);
    expect(pool.stats()).toMatchObject({ spawned: 3, deaths: 1 });
  });
});

describe('hooks', () => {
  useKit();

  const hooked = (workerData: object, options: PoolOptions = {}) =>
    newPool<typeof Hooked>({ module: fixture('hooked.js'), size: 1, workerData, ...options });

  test('onStart gets workerData, and the worker is ready after it; onStop runs before it leaves', async () => {
    const file = `${newFolder()}/hooks`;
    const pool = hooked({ file, startMs: 100 });
    const ready = await next(pool, 'workerReady');
    expect(ready.bootMs).toBeGreaterThan(100);
    expect(await pool.run('add', [1, 2])).toBe(3);
    const pid = await pool.run('pid');
    await pool.close();
    expect(linesOf(file)).toEqual([`${pid} start`, `${pid} stop begins`, `${pid} stop ends`]);
  });

  test('onStart that throws is a boot death: the pool breaks and says what it threw', async () => {
    const pool = hooked({ failsToStart: true }, { restart: { intensity: 1, probeMs: false } });
    const error = await rejection(pool.run('add', [1, 2]));
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN', death: { phase: 'boot' } });
    expect(error.message).toContain('no connection');
  });

  test('onStart that takes too long is a boot death', async () => {
    const pool = hooked({ startMs: 60_000 }, { bootTimeoutMs: 200, restart: { intensity: 0, probeMs: false } });
    expect(await rejection(pool.run('add', [1, 2]))).toMatchObject({ death: { cause: 'boot-timeout', phase: 'boot' } });
  });

  test("onStop that takes too long is ended by the ladder's next step", async () => {
    const file = `${newFolder()}/hooks`;
    const pool = hooked({ file, stopMs: 60_000 }, { graceMs: 200, killLadder: [{ signal: 'SIGKILL', waitMs: 5000 }] });
    const pid = await pool.run('pid');
    await pool.close();
    expect(isRunning(pid)).toBe(false);
    expect(linesOf(file)).toEqual([`${pid} start`, `${pid} stop begins`]);
  });

  test('onStop that throws ends the worker all the same', async () => {
    const pool = hooked({ failsToStop: true });
    const pid = await pool.run('pid');
    await pool.close();
    expect(isRunning(pid)).toBe(false);
  });

  test('on SIGTERM a worker that awaits runs onStop; one that spins does not, and SIGKILL ends it', async () => {
    const file = `${newFolder()}/hooks`;
    const pool = hooked({ file }, { size: 2, graceMs: 50, killLadder: [{ signal: 'SIGTERM', waitMs: 300 }] });
    const waiting = pool.run('never');
    const spinning = pool.run('spinForever');
    const [{ pid: awaits }, { pid: spins }] = await Promise.all([waiting.started, spinning.started]);
    await Promise.all([waiting.kill(), spinning.kill()]);
    expect([isRunning(awaits), isRunning(spins)]).toEqual([false, false]);
    expect(linesOf(file)).toContain(`${awaits} stop ends`);
    expect(linesOf(file)).not.toContain(`${spins} stop begins`);
    await Promise.allSettled([waiting, spinning]);
    await expectUsable(pool as never);
  });
});
