/**
 * A parent that is busy (a long computation, a breakpoint) blames no worker for the time that it
 * lost.
 */
import { readFile } from 'node:fs';
import { join } from 'node:path';
import type { Death } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, linesOf, newFolder, newPool, rejection, slowness, until, useKit } from '../../kit/pools.js';

/**
 * Keeps this process busy until the condition holds, and for `atLeastMs`. Timers are then due
 * before anything is read.
 */
async function busyUntil(holds: () => boolean, atLeastMs: number): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  const since = performance.now();
  while (!holds() || performance.now() - since < atLeastMs);
}

describe('a parent that is busy', () => {
  useKit();

  test('past bootTimeoutMs, while its workers boot, finds them ready and blames nobody', async () => {
    const file = join(newFolder(), 'imported');
    const bootTimeoutMs = 1000 * (await slowness());
    const deaths: Death[] = [];
    const pool = newPool({ module: fixture('marks-import.js'), size: 2, bootTimeoutMs, env: { EVERPOOL_TEST_FILE: file } });
    pool.on('workerDied', ({ death }) => deaths.push(death));
    let spawned = 0;
    pool.on('workerSpawned', () => {
      spawned += 1;
    });
    await until('both have been spawned', () => spawned === 2);
    await busyUntil(() => linesOf(file).length >= 2, 2.5 * bootTimeoutMs);
    await pool.ready();
    expect(deaths).toEqual([]);
    expect(pool.stats()).toMatchObject({ spawned: 2, deaths: 0 });
  });

  test('past bootTimeoutMs in the middle of a restart still completes that restart', async () => {
    const file = join(newFolder(), 'imported');
    const bootTimeoutMs = 1000 * (await slowness());
    const pool = newPool({ module: fixture('marks-import.js'), size: 1, bootTimeoutMs, env: { EVERPOOL_TEST_FILE: file } });
    await pool.ready();
    const restarted = pool.restart();
    await new Promise((resolve) => pool.once('workerSpawned', resolve));
    await busyUntil(() => linesOf(file).length >= 2, 2.5 * bootTimeoutMs);
    await restarted;
    expect(pool.stats()).toMatchObject({ spawned: 2, deaths: 0 });
  });

  test('past the last wait of the kill ladder still sees that the signal ended the worker', async () => {
    const pool = newPool({ size: 1, killLadder: [{ signal: 'SIGKILL', waitMs: 50 }] });
    await pool.ready();
    const [worker] = pool.workers();
    const pid = worker?.pid as number;
    const died = new Promise<Death>((resolve) => pool.once('workerDied', ({ death }) => resolve(death)));
    const killed = pool.killWorker(worker?.id as number);
    await busyUntil(() => !isRunning(pid), 400);
    await killed;
    expect(await died).toMatchObject({ cause: 'signal', signal: 'SIGKILL', requested: true });
  });

  test.each([
    ['a result that needs many readings', 'big', 2 ** 20, {}],
    ['arguments that need many writings', 'length', new Uint8Array(2 ** 21), {}],
    ['arguments that need many writings, under a soft limit', 'length', new Uint8Array(2 ** 21), { softTimeoutMs: 400 }],
  ])('past timeoutMs of a task that took no time, with %s, delivers its result', async (_what, name, argument, more) => {
    const slow = await slowness();
    const pool = newPool({ size: 1 });
    await pool.run('add', [1, 2]);
    const limits = Object.fromEntries(Object.entries({ timeoutMs: 600, ...more }).map(([limit, ms]) => [limit, ms * slow]));
    const task = pool.run(name as never, [argument] as never, limits);
    await new Promise((resolve) => setImmediate(resolve));
    await busyUntil(() => true, 1500 * slow);
    expect(await task).toBeDefined();
    expect(pool.stats().deaths).toBe(0);
  });

  test('past the grace of a cancel that was answered immediately, with much to read, has that answer', async () => {
    const slow = await slowness();
    const pool = newPool({ size: 1, graceMs: 400 * slow });
    const task = pool.run('bigWhenAborted', [2 ** 22] as never);
    await task.started;
    const cancelled = task.cancel();
    await busyUntil(() => true, 1500 * slow);
    expect(await rejection(task)).toMatchObject({ forced: false });
    await cancelled;
    expect(pool.stats().deaths).toBe(0);
  });

  test('past queueTimeoutMs of a task whose worker has long been free starts that task', async () => {
    const file = join(newFolder(), 'marks');
    const pool = newPool({ size: 1 });
    await pool.ready();
    const first = pool.run('markAsync', [file, 'first', 1]);
    await first.started;
    const second = pool.run('mark', [file, 'second'], { queueTimeoutMs: 300 });
    await busyUntil(() => linesOf(file).length >= 1, 900);
    expect(await Promise.all([first, second])).toEqual(['first', 'second']);
  });

  test('past idleTimeoutMs keeps the workers that it has work for', async () => {
    const pool = newPool({ size: { min: 0, max: 2 }, idleTimeoutMs: 200 });
    await Promise.all([pool.run('sleep', [20]), pool.run('sleep', [20])]);
    const { spawned } = pool.stats();
    // What comes in while this process is busy is heard in the poll phase, as a request to a server
    // would be.
    const heard = new Promise<number>((resolve) => readFile(import.meta.filename, () => resolve(pool.run('add', [1, 2]))));
    await busyUntil(() => true, 700);
    expect(await heard).toBe(3);
    expect(pool.stats().spawned).toBe(spawned);
  });

  test('past the limit of close() still delivers the results that had arrived', async () => {
    const slow = await slowness();
    const file = join(newFolder(), 'marks');
    const pool = newPool({ size: 1 });
    await pool.ready();
    const task = pool.run('markAsync', [file, 'done', 1]);
    await task.started;
    const closed = pool.close({ timeoutMs: 100 });
    await busyUntil(() => linesOf(file).length >= 1, 400 * slow);
    expect(await task).toBe('done');
    await closed;
  });
});
