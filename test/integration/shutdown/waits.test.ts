/**
 * In every state of a pool its promises settle; none waits for what cannot happen any more (G1).
 */
import { writeFileSync } from 'node:fs';
import { type Pool, PoolBrokenError, PoolClosedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, newFolder, newPool, next, rejection, type TestTasks, useKit } from '../../kit/pools.js';

type TestPool = Pool<TestTasks>;

/** One worker runs a task that never ends, the other has died, and no other is spawned. */
async function brokenPool(): Promise<TestPool> {
  const pool = newPool<TestTasks>({ size: 2, restart: { intensity: 0, probeMs: false } });
  await pool.ready();
  await pool.run('never').started;
  const broken = next(pool, 'broken');
  process.kill(pool.workers().find(({ state }) => state === 'idle')?.pid as number, 'SIGKILL');
  await broken;
  return pool;
}

describe('waits', () => {
  useKit();

  test.each([true, false])('restart() of a broken pool rejects, and the pool can be revived (rolling: %s)', async (rolling) => {
    const pool = await brokenPool();
    expect(await rejection(pool.restart({ rolling }))).toBeInstanceOf(PoolBrokenError);
    pool.revive();
    await pool.ready();
    await pool.killTasks();
    await pool.restart({ rolling });
    await expectUsable(pool);
  });

  test('restart() of a broken pool without workers rejects too, since nothing was replaced', async () => {
    const pool = newPool({ module: fixture('never-ready.js'), size: 1, bootTimeoutMs: 100, restart: { intensity: 0, probeMs: false } });
    await next(pool, 'broken');
    expect(await rejection(pool.restart())).toBeInstanceOf(PoolBrokenError);
  });

  test.each([true, false])('a restart during which the pool breaks rejects, and does not go on later (rolling: %s)', async (rolling) => {
    // The replacements hang in their boot, so the first worker to die idle breaks the pool in the
    // middle of the restart.
    const file = `${newFolder()}/hang`;
    const module = fixture('hangs-when-file-exists.js');
    const pool = newPool({ module, size: 3, env: { EVERPOOL_TEST_FILE: file }, restart: { intensity: 0, probeMs: false } });
    await pool.ready();
    writeFileSync(file, '');
    const spawned = next(pool, 'workerSpawned');
    const restarted = rejection(pool.restart({ rolling }));
    await spawned;
    const broken = next(pool, 'broken');
    process.kill(pool.workers().find(({ state }) => state === 'idle')?.pid as number, 'SIGKILL');
    await broken;
    expect(await restarted).toBeInstanceOf(PoolBrokenError);
  });

  test('every wait of a broken pool settles', async () => {
    const pool = await brokenPool();
    await expect(pool.ready()).rejects.toThrow(PoolBrokenError);
    await pool.room();
    pool.resize(4);
    await expect(pool.ready()).rejects.toThrow(PoolBrokenError);
    pool.resize({ min: 0, max: 1 });
    await expect(pool.restart()).rejects.toThrow(PoolBrokenError);
    await expect(pool.run('noop')).rejects.toThrow(PoolBrokenError);
    await expect(pool.map('noop', [undefined]).settled()).resolves.toMatchObject([{ status: 'rejected' }]);
    expect(await pool.killTasks()).toBe(1);
    await pool.idle();
    await pool.close();
    expect(pool.state).toBe('closed');
  });

  test.each(['close', 'terminate', 'kill'] as const)(
    '%s() of a broken pool whose worker runs a task settles, and so does every other wait',
    async (how) => {
      const pool = await brokenPool();
      const idle = pool.idle();
      const ended = how === 'close' ? pool.close({ timeoutMs: 50 }) : pool[how]();
      await Promise.all([idle, ended]);
      await expect(pool.ready()).rejects.toThrow(PoolBrokenError);
    },
  );

  test('every wait of a paused pool without tasks settles', async () => {
    const pool = newPool({ size: 1 });
    pool.pause();
    await pool.ready();
    await Promise.all([pool.idle(), pool.room(), pool.restart(), pool.killTasks()]);
    pool.resize(2);
    await pool.ready();
    await pool.restart({ rolling: false });
    pool.resume();
    await expectUsable(pool);
  });

  test('a restart during the end of its pool settles with it', async () => {
    const pool = newPool({ size: 2 });
    await pool.ready();
    const task = pool.run('sleep', [50]);
    await task.started;
    const restarts = [pool.restart(), pool.restart({ rolling: false })];
    await pool.close();
    await Promise.allSettled(restarts);
    await task;
    await expect(pool.restart()).rejects.toThrow(PoolClosedError);
    await expect(pool.ready()).rejects.toThrow(PoolClosedError);
    await expect(pool.room()).rejects.toThrow(PoolClosedError);
    await pool.idle();
  });
});
