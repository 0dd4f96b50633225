/** The parent dies, in any way: its workers and their children end (G8). */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, linesOf, newFolder, until, useKit } from '../../kit/pools.js';

function program(name: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(fixture(name)), ...args], { stdio: 'ignore', detached: true });
}

/** Resolves with the pids once the program is ready and at least `count` of its processes run. */
async function started(folder: string, count: number): Promise<number[]> {
  await until('the program is ready', () => linesOf(`${folder}/ready`).length > 0);
  const pids = linesOf(`${folder}/pids`).map(Number);
  expect(pids.length).toBeGreaterThanOrEqual(count);
  expect(pids.every(isRunning)).toBe(true);
  return pids;
}

describe('the death of the parent', () => {
  useKit();

  test.each(['idle', 'awaiting', 'spinning', 'nested'])('by SIGKILL, with %s workers that have children, ends all of them', async (how) => {
    const folder = newFolder();
    const child = spawn(process.execPath, [new URL('../../fixtures/program-with-workers.js', import.meta.url).pathname, folder, how], {
      stdio: 'ignore',
    });
    await until('its processes are there', () => linesOf(`${folder}/ready`).length > 0);
    const pids = linesOf(`${folder}/pids`).map(Number);
    expect(pids.length).toBeGreaterThan(1);
    expect(pids.every(isRunning)).toBe(true);
    child.kill('SIGKILL');
    await until('none of them is left', () => !pids.some(isRunning));
  });

  test('by SIGHUP, with a sleeping task, ends the worker before the task would have ended', async () => {
    const folder = newFolder();
    const child = program('program-with-workers.js', folder, 'awaiting');
    const pids = await started(folder, 4);
    child.kill('SIGHUP');
    await once(child, 'exit');
    await until('its processes have ended', () => !pids.some(isRunning));
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)('by %s, with tasks that have children, ends those too', async (signal) => {
    const folder = newFolder();
    const child = program('program-with-workers.js', folder, 'spinning');
    const pids = await started(folder, 4);
    child.kill(signal);
    child.kill(signal);
    await once(child, 'exit');
    await until('its processes have ended', () => !pids.some(isRunning));
  });
});
