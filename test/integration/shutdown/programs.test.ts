/** Programs that end, or are ended, with a pool in them. */
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

describe('the end of a program with a pool', () => {
  useKit();

  test('a program that does not wait for its pool completes its work and exits by itself', async () => {
    const folder = newFolder();
    const child = spawn(process.execPath, [new URL('../../fixtures/program-ends-without-waiting.js', import.meta.url).pathname, folder]);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(linesOf(`${folder}/marks`)).toHaveLength(8);
  });

  test.each([
    ['without a handler', 'leaves', { code: null, signal: 'SIGTERM' }],
    ['with a handler that terminates its pool', 'closes', { code: 3, signal: null }],
  ] as const)('SIGTERM to a program %s: it ends in its own way, and nothing is left of the pool', async (_what, how, exit) => {
    const folder = newFolder();
    const child = program('program-with-handlers.js', folder, how);
    const pids = await started(folder, 4);
    child.kill('SIGTERM');
    const [code, signal] = await once(child, 'exit');
    expect({ code, signal }).toEqual(exit);
    await until('its processes have ended', () => !pids.some(isRunning));
  });

  test('SIGINT twice to a program, as from a terminal, leaves no child of a task', async () => {
    const folder = newFolder();
    const child = program('program-with-handlers.js', folder, 'leaves');
    const pids = await started(folder, 4);
    const ended = once(child, 'exit');
    for (let time = 0; time < 2; time += 1) {
      try {
        process.kill(-(child.pid as number), 'SIGINT'); // its whole foreground group
      } catch {
        // The first was enough.
      }
    }
    await ended;
    await until('its processes have ended', () => !pids.some(isRunning));
  });
});
