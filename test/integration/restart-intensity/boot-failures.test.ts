/**
 * Workers that cannot boot: the pool breaks, says why, and recovers when the cause is repaired
 * (G10).
 */
import { writeFileSync } from 'node:fs';
import { PoolBrokenError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, newFolder, newPool, next, rejection, useKit } from '../../kit/pools.js';

describe('a boot that fails', () => {
  useKit();

  test('a module that throws breaks the pool with its stack after intensity + 1 spawns, and it recovers when repaired', async () => {
    const file = `${newFolder()}/module.mjs`;
    writeFileSync(file, 'throw new Error("broken at import");');
    const pool = newPool({ module: file, restart: { intensity: 3, probeMs: 1000, backoff: { initialMs: 5 } } });
    const tasks = [pool.run('noop' as never), pool.run('noop' as never)];
    for (const task of tasks) {
      const error = await rejection(task);
      expect(error).toBeInstanceOf(PoolBrokenError);
      expect(error.message).toContain('broken at import');
      expect(error['death']).toMatchObject({ phase: 'boot', cause: 'exit' });
    }
    expect(pool.state).toBe('broken');
    expect(pool.stats().spawned).toBeLessThanOrEqual(4);
    expect(await rejection(pool.ready())).toBeInstanceOf(PoolBrokenError);
    expect(await rejection(pool.run('noop' as never))).toBeInstanceOf(PoolBrokenError);
    writeFileSync(file, 'export const noop = () => "well again";');
    await next(pool, 'recovered');
    expect(await pool.run('noop' as never)).toBe('well again');
  });

  test('a module that fails again and again leaves nothing behind', async () => {
    // What may be left is checked after every test: processes, descriptors, timers.
    const pool = newPool({ module: 'data:text/javascript,throw new Error("never")', restart: { intensity: 8, backoff: { initialMs: 1 } } });
    await next(pool, 'broken');
    await pool.close();
    expect(pool.workers()).toEqual([]);
  });

  test('revive() reopens a broken pool immediately', async () => {
    const file = `${newFolder()}/module.mjs`;
    writeFileSync(file, 'process.exit(4);');
    const pool = newPool({ module: file, restart: { intensity: 1, probeMs: false, backoff: { initialMs: 1 } } });
    await next(pool, 'broken');
    writeFileSync(file, 'export const noop = () => 1;');
    pool.revive();
    expect(pool.state).toBe('open');
    expect(await pool.run('noop' as never)).toBe(1);
  });

  test('a worker that is never ready is a boot timeout', async () => {
    const pool = newPool({ module: fixture('never-ready.js'), size: 1, bootTimeoutMs: 300, restart: { intensity: 0, probeMs: false } });
    expect(await rejection(pool.run('noop'))).toMatchObject({ name: 'PoolBrokenError', death: { cause: 'boot-timeout', phase: 'boot' } });
    const other = newPool({ module: fixture('never-ready.js'), size: 1 });
    const task = rejection(other.run('noop'));
    await next(other, 'workerSpawned');
    await other.kill();
    expect(await task).toBeInstanceOf(TaskCancelledError);
  });

  test('a spawn that fails is a death, and the pool recovers when the cause is repaired', async () => {
    const folder = newFolder();
    const pool = newPool({ cwd: `${folder}/not-there`, restart: { intensity: 1, probeMs: 100, backoff: { initialMs: 5 } } });
    const error = await rejection(pool.run('add', [1, 1]));
    expect(error).toMatchObject({ name: 'PoolBrokenError', death: { cause: 'spawn' } });
    const { mkdirSync } = await import('node:fs');
    mkdirSync(`${folder}/not-there`);
    await next(pool, 'recovered');
    await expectUsable(pool);
  });

  test('spawns that fail again and again break the pool, and a task that runs meanwhile succeeds', async () => {
    const folder = newFolder();
    const { mkdirSync, rmdirSync } = await import('node:fs');
    mkdirSync(`${folder}/here`);
    const pool = newPool({ cwd: `${folder}/here`, size: 2, restart: { intensity: 3, probeMs: false, backoff: { initialMs: 1 } } });
    await pool.ready();
    const running = pool.run('sleep', [1500, 'went on']);
    const victim = pool.run('never');
    await Promise.all([running.started, victim.started]);
    rmdirSync(`${folder}/here`);
    process.kill((await victim.started).pid, 'SIGKILL');
    await rejection(victim);
    await next(pool, 'broken');
    expect(running.state).toBe('running');
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolBrokenError);
    expect(await running).toBe('went on');
    expect(pool.state).toBe('broken');
  });
});
