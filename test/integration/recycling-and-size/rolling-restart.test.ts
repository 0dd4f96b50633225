/** restart(): new workers for old ones, without a gap. */
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { expectUsable, isRunning, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('restart()', () => {
  useKit();

  test('under load fails no task, replaces one worker at a time, and never lowers the capacity', async () => {
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

  test('loads new code; a version that cannot start leaves the old workers and rejects', async () => {
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

  test('does not wait for a task that never ends', async () => {
    const pool = newPool();
    const task = pool.run('never');
    await task.started;
    await pool.restart();
    expect(task.state).toBe('running');
    await expectUsable(pool);
    await task.kill();
    await rejection(task);
  });
});
