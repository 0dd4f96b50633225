/** Warm spares: workers that boot ahead and take the slot of a dead one. */
import type { Pool, PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, next, until, useKit } from '../../kit/pools.js';

const allIdle = (pool: Pool<never> | Pool<object>, count: number): boolean =>
  pool.workers().filter(({ state }) => state === 'idle').length === count;
const spared = (options: PoolOptions = {}) => newPool({ size: 2, spares: 2, restart: { intensity: 1000 }, ...options });

describe('spares', () => {
  useKit();

  test('boot ahead, run no task, and take the slot of a dead worker in the same turn', async () => {
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

  test('one spare, all spares, a just promoted spare, and all workers are killed: nothing is lost', async () => {
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

  test('the death of an idle spare is charged, and its replacement backs off as for a slot', async () => {
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
});
