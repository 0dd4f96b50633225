/** Stopped workers, ended by request. */
import { describe, expect, test } from 'vitest';
import { isRunning, newPool, rejection, useKit } from '../../kit/pools.js';

describe('a stopped worker', () => {
  useKit();

  test('is ended by kill(), restart() and terminate()', async () => {
    const pool = newPool({ graceMs: 100, killLadder: [{ signal: 'SIGTERM', waitMs: 100 }] });
    const task = pool.run('spinForever');
    const { pid } = await task.started;
    process.kill(pid, 'SIGSTOP');
    await task.kill();
    expect(isRunning(pid)).toBe(false);
    await rejection(task);
    await pool.ready();
    const stopped = pool.workers()[0]?.pid as number;
    process.kill(stopped, 'SIGSTOP');
    await pool.restart();
    await pool.terminate();
    expect(isRunning(stopped)).toBe(false);
  });
});
