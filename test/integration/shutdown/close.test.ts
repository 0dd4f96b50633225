/**
 * close(): everything that was submitted finishes, nothing more is taken, and no worker is left.
 */
import { PoolClosedError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, linesOf, newFolder, newGate, newPool, rejection, useKit } from '../../kit/pools.js';

describe('close()', () => {
  useKit();

  test('finishes every task and takes no more', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 50 }, (_, index) => pool.run('sleep', [5, index]));
    const closed = pool.close();
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
    await closed;
  });

  test('with cancelQueued finishes what runs and cancels the rest', async () => {
    const pool = newPool();
    const gate = newGate();
    const running = [pool.run('untilFile', [gate.file]), pool.run('untilFile', [gate.file])];
    const queued = Array.from({ length: 48 }, () => pool.run('noop'));
    const outcomes = Promise.allSettled(queued);
    await Promise.all(running.map((task) => task.started));
    const closed = pool.close({ cancelQueued: true });
    gate.open();
    await Promise.all(running);
    await closed;
    const statuses = new Set((await outcomes).map((outcome) => outcome.status));
    expect([...statuses]).toEqual(['rejected']);
  });

  test('resolves if a task crashes meanwhile, and the task rejects', async () => {
    const pool = newPool();
    const task = pool.run('exitLater', [100, 5]);
    const error = rejection(task);
    await pool.close();
    expect(await error).toMatchObject({ death: { exitCode: 5 } });
  });

  test('with a limit becomes terminate(), and the kill ladder ends workers that never stop', async () => {
    const pool = newPool({ graceMs: 50, killLadder: [{ signal: 'SIGTERM', waitMs: 100 }] });
    const tasks = [pool.run('never'), pool.run('ignoreSigterm')];
    const pids = (await Promise.all(tasks.map((task) => task.started))).map((attempt) => attempt.pid);
    const errors = Promise.all(tasks.map(rejection));
    await pool.close({ timeoutMs: 50 });
    for (const error of await errors) expect(error).toBeInstanceOf(TaskCancelledError);
    expect(pids.some(isRunning)).toBe(false);
  });

  test('with afterTasks 1 and six tasks gives all results, each from its own worker', async () => {
    const pool = newPool({ recycle: { afterTasks: 1 } });
    const tasks = Array.from({ length: 6 }, () => pool.run('pid'));
    const closed = pool.close();
    expect(new Set(await Promise.all(tasks)).size).toBe(6);
    await closed;
  });

  test('with a full queue and workers that are recycled resolves, and everything has settled', async () => {
    const pool = newPool({ size: 3, queueLimit: 50, recycle: { afterTasks: 2 } });
    const tasks = Array.from({ length: 60 }, () => pool.run('sleep', [1]));
    const outcomes = Promise.allSettled(tasks);
    await pool.close();
    const refused = (await outcomes).filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of refused) expect((reason as Error).name).toBe('QueueFullError');
    expect(pool.stats()).toMatchObject({ succeeded: 60 - refused.length, failed: 0, cancelled: 0 });
  });

  test('while workers leave after an idle millisecond, and a large result is encoded, gives that result', async () => {
    for (let round = 0; round < 5; round += 1) {
      const pool = newPool({ size: { min: 0, max: 2 }, idleTimeoutMs: 1 });
      const big = Array.from({ length: 200_000 }, (_, index) => ({ index }));
      const task = pool.run('echo', [big]);
      const closed = pool.close();
      expect(await task).toHaveLength(200_000);
      await closed;
    }
  });

  test('stops workers that are slow to leave in parallel', async () => {
    const file = `${newFolder()}/stops`;
    const pool = newPool({ module: fixture('stop-together.js'), size: 3, graceMs: 120_000, workerData: { file, count: 3 } });
    await pool.ready();
    await pool.close();
    // One after the other, the first would wait in vain for the second, until the grace is over.
    expect(linesOf(file)).toEqual(['begins', 'begins', 'begins', 'ends', 'ends', 'ends']);
  });

  test('finishes everything, and terminate() rejects what is left; both end in the state closed', async () => {
    const closing = newPool();
    const all = Array.from({ length: 20 }, () => closing.run('sleep', [20]));
    await closing.close();
    expect((await Promise.allSettled(all)).every((outcome) => outcome.status === 'fulfilled')).toBe(true);
    const stopping = newPool({ graceMs: 20, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const some = Array.from({ length: 20 }, () => stopping.run('sleep', [200]));
    const outcomes = Promise.allSettled(some);
    await some[0]?.started;
    await stopping.terminate();
    expect((await outcomes).filter((outcome) => outcome.status === 'rejected').length).toBeGreaterThan(10);
    for (const pool of [closing, stopping]) {
      expect(pool.state).toBe('closed');
      expect(pool.workers()).toEqual([]);
      expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
    }
  });

  test('has a worker for a retry, also if the failed attempt was the last one of its worker', async () => {
    const pool = newPool({ size: 1, pipelining: false, recycle: { afterTasks: 3 } });
    await pool.run('noop');
    // The worker is proven, and nothing is due any more.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const before = pool.run('sleep', [200]);
    const task = pool.run('throws', [], { retries: { error: 2, delayMs: 30 } });
    const closed = pool.close();
    await before;
    await rejection(task);
    expect(task.attempts).toHaveLength(3);
    await closed;
  });
});
