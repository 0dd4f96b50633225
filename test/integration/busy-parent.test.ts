/** A parent that stands still (a long computation, a breakpoint) is its own fault, and not that of its workers. */
import { join } from 'node:path';
import type { Death } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, linesOf, newFolder, newPool, until, useKit } from '../kit.js';

/** Keeps this process busy until it holds, and for so long at least. */
function busyUntil(holds: () => boolean, atLeastMs: number): void {
  const since = performance.now();
  while (!holds() || performance.now() - since < atLeastMs);
}

describe('a parent that is busy', () => {
  useKit();

  test('past bootTimeoutMs, while its workers boot, finds them ready and blames nobody', async () => {
    const file = join(newFolder(), 'imported');
    const bootTimeoutMs = 1000;
    const deaths: Death[] = [];
    const pool = newPool({ module: fixture('marks-import.js'), size: 2, bootTimeoutMs, env: { EVERPOOL_TEST_FILE: file } });
    pool.on('workerDied', ({ death }) => deaths.push(death));
    let spawned = 0;
    pool.on('workerSpawned', () => {
      spawned += 1;
    });
    await until('both have been spawned', () => spawned === 2);
    busyUntil(() => linesOf(file).length >= 2, 2.5 * bootTimeoutMs);
    await pool.ready();
    expect(deaths).toEqual([]);
    expect(pool.stats()).toMatchObject({ spawned: 2, deaths: 0 });
  });

  test('past bootTimeoutMs in the middle of a restart still has that restart succeed', async () => {
    const file = join(newFolder(), 'imported');
    const bootTimeoutMs = 1000;
    const pool = newPool({ module: fixture('marks-import.js'), size: 1, bootTimeoutMs, env: { EVERPOOL_TEST_FILE: file } });
    await pool.ready();
    const restarted = pool.restart();
    await new Promise((resolve) => pool.once('workerSpawned', resolve));
    busyUntil(() => linesOf(file).length >= 2, 2.5 * bootTimeoutMs);
    await restarted;
    expect(pool.stats()).toMatchObject({ spawned: 2, deaths: 0 });
  });

  test('past the last wait of the kill ladder still learns that the signal ended the worker', async () => {
    const pool = newPool({ size: 1, killLadder: [{ signal: 'SIGKILL', waitMs: 50 }] });
    await pool.ready();
    const [worker] = pool.workers();
    const pid = worker?.pid as number;
    const died = new Promise<Death>((resolve) => pool.once('workerDied', ({ death }) => resolve(death)));
    const killed = pool.killWorker(worker?.id as number);
    busyUntil(() => !isRunning(pid), 400);
    await killed;
    expect(await died).toMatchObject({ cause: 'signal', signal: 'SIGKILL', requested: true });
  });
});
