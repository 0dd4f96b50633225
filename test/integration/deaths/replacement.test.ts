/** A dead worker is replaced as long as the pool wants its slot. */

import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('the replacement of a dead worker', () => {
  useKit();

  test('a slot is filled however its worker ended; a slot that resize() took away is not', async () => {
    const pool = newPool({ size: 2, module: fixture('ways-to-die.js') });
    for (const [name, args] of [
      ['exit', [0]],
      ['exit', [1]],
      ['abort', []],
    ] as const) {
      await rejection(pool.run(name as never, args as never));
      await pool.ready();
      expect(pool.stats().size).toBe(2);
    }
    await pool.killWorker(pool.workers()[0]?.id as number);
    await pool.ready();
    expect(pool.workers().filter((worker) => worker.state === 'idle')).toHaveLength(2);
    pool.resize(1);
    await until('one has left', () => pool.workers().length === 1);
    await rejection(pool.run('exit' as never, [0] as never));
    await pool.ready();
    expect(pool.workers()).toHaveLength(1);
  });

  test('a worker killed during a resize is replaced', async () => {
    const pool = newPool({ size: 1 });
    const task = pool.run('never');
    const { pid } = await task.started;
    pool.resize(3);
    process.kill(pid, 'SIGKILL');
    await rejection(task);
    await expectUsable(pool, 3);
  });

  test('an elastic pool replaces its minimum, and nothing above it', async () => {
    const pool = newPool({ size: { min: 1, max: 3 } });
    const tasks = [pool.run('never'), pool.run('never'), pool.run('never')];
    const started = await Promise.all(tasks.map((task) => task.started));
    expect(pool.workers()).toHaveLength(3);
    for (const { pid } of started) process.kill(pid, 'SIGKILL');
    await Promise.all(tasks.map(rejection));
    await until('one worker is ready', () => pool.workers().filter((worker) => worker.state === 'idle').length === 1);
    expect(pool.stats().size).toBe(1);
  });

  test('all workers killed from outside come back with new pids', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const before = pool.workers().map((worker) => worker.pid as number);
    for (const pid of before) process.kill(pid, 'SIGTERM');
    await until('all have ended', () => before.every((pid) => !isRunning(pid)));
    await until('three new ones are ready', () => {
      const idle = pool.workers().filter((worker) => worker.state === 'idle');
      return idle.length === 3 && idle.every((worker) => !before.includes(worker.pid as number));
    });
    await expectUsable(pool, 3);
  });
});
