/** Processes, threads and pools that tasks start end with their worker. */

import { readFileSync } from 'node:fs';
import { TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

function readPid(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}

describe('what a task starts', () => {
  useKit();

  test('a child process ends with its worker', async () => {
    const pool = newPool();
    const file = `${newFolder()}/pid`;
    const task = pool.run('withGrandchild', [file]);
    await task.started;
    await until('the grandchild runs', () => readPid(file) > 0 && isRunning(readPid(file)));
    await task.kill();
    expect(isRunning(readPid(file))).toBe(false);
    await rejection(task);
  });

  test('five nested processes end with the kill of their task', async () => {
    const pool = newPool({ module: fixture('starts-others.js') });
    const file = `${newFolder()}/pids`;
    const task = pool.run('nest' as never, [file] as never);
    const error = rejection(task);
    await until('five of them run', () => linesOf(file).length === 5);
    const pids = linesOf(file).map(Number);
    await until('each runs', () => pids.every(isRunning));
    await task.kill();
    expect(pids.some(isRunning)).toBe(false);
    expect(await error).toBeInstanceOf(TaskCancelledError);
  });

  test('a pool in a worker, with idle workers of its own, does not keep the outer pool from closing', async () => {
    const pool = newPool({ module: fixture('starts-others.js'), size: 1, graceMs: 60_000 });
    const file = `${newFolder()}/pids`;
    await pool.run('leavePool' as never, [file] as never);
    const inner = linesOf(file).map(Number);
    expect(inner.length).toBeGreaterThan(0);
    await pool.close();
    await until('the inner workers have ended', () => !inner.some(isRunning));
  });

  test('a process, a thread and a pool work, and nothing is left of them', async () => {
    const pool = newPool({ module: fixture('starts-others.js') });
    const file = `${newFolder()}/pids`;
    expect(await pool.run('startProcess' as never)).toBe('42');
    expect(await pool.run('startThread' as never)).toBe(42);
    expect(await pool.run('startPool' as never, [file] as never)).toBe(4);
    await until('its workers have ended', () => !linesOf(file).map(Number).some(isRunning));
  });
});
