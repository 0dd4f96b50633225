/** How many deaths a pool takes before it breaks, and how it counts its workers meanwhile (G10). */

import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

describe('the restart intensity', () => {
  useKit();

  test('allows that many deaths and not one more; a task that succeeds between them resets the count', async () => {
    const pool = newPool({ size: 1, restart: { intensity: 1, probeMs: false, backoff: { initialMs: 1 } } });
    const kill = async (): Promise<void> => {
      await until('it is ready', () => pool.workers().some((worker) => worker.state === 'idle'));
      const died = next(pool, 'workerDied');
      process.kill(pool.workers()[0]?.pid as number, 'SIGKILL');
      await died;
    };
    for (let round = 0; round < 4; round += 1) {
      await kill();
      expect(await pool.run('add', [round, 1])).toBe(round + 1); // by the new worker: a proof
    }
    expect(pool.state).toBe('open');
    await kill();
    expect(pool.state).toBe('open');
    await kill();
    expect(pool.state).toBe('broken');
  });

  test('counts idle workers that are killed from outside', async () => {
    const pool = newPool({ size: 1, restart: { intensity: 2, probeMs: false, backoff: { initialMs: 1 } } });
    for (let round = 0; round < 3; round += 1) {
      await until('it is ready or broken', () => pool.workers().some((worker) => worker.state === 'idle'));
      const died = next(pool, 'workerDied');
      process.kill(pool.workers()[0]?.pid as number, 'SIGKILL');
      await died;
    }
    expect(pool.state).toBe('broken');
  });

  test('leaves workers() and stats() right at every step, also during a back-off', async () => {
    const pool = newPool({ size: 3, restart: { intensity: 100, backoff: { initialMs: 600, jitter: 0 } } });
    await pool.ready();
    const steady = pool.run('never');
    await steady.started;
    const idle = pool.workers().filter((worker) => worker.state === 'idle');
    expect(idle).toHaveLength(2);
    for (const { pid } of idle) {
      const died = next(pool, 'workerDied');
      process.kill(pid as number, 'SIGKILL');
      await died;
    }
    expect(pool.workers().map((worker) => worker.state)).toEqual(['busy']);
    expect(pool.stats()).toMatchObject({ size: 1, running: 1, deaths: 2, spawned: 3 });
    await until('both boot', () => pool.workers().filter((worker) => worker.state === 'starting').length === 2);
    expect(pool.stats()).toMatchObject({ size: 3, running: 1, spawned: 5 });
    await pool.ready();
    expect(pool.stats()).toMatchObject({ size: 3, running: 1, deaths: 2, spawned: 5 });
    await steady.kill();
    await rejection(steady);
    await expectUsable(pool, 3);
  });

  test('does not count a slot in its back-off in workers() and stats()', async () => {
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
