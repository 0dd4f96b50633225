/** What becomes of a task when an attempt at it has ended, and of one that somebody ends: the workers are played by the test. */
import { describe, expect, test } from 'vitest';
import { type ScriptedPool, type ScriptedWorker, scriptedPool } from '../../../kit/scripted-platform.js';

async function poolWithWorker(options: Parameters<typeof scriptedPool>[0] = {}): Promise<ScriptedPool & { worker: ScriptedWorker }> {
  const scripted = scriptedPool(options);
  await scripted.pass();
  const [worker] = scripted.workers as [ScriptedWorker];
  worker.boot('work');
  await scripted.pass();
  return { ...scripted, worker };
}

describe('a reply', () => {
  test('settles the task with what it says', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const good = pool.run('work' as never);
    const bad = pool.run('work' as never);
    bad.catch(() => undefined);
    await pass();
    worker.returns(1, 'done');
    await pass();
    worker.throws(2, new RangeError('no'));
    await pass();
    await expect(good).resolves.toBe('done');
    await expect(bad).rejects.toThrow(RangeError);
    expect(pool.stats()).toMatchObject({ succeeded: 1, failed: 1, queued: 0, running: 0 });
  });

  test('comes too late for a task that was cancelled before it was sent', async () => {
    const { pool, clock, worker, pass } = await poolWithWorker({ graceMs: 1000 });
    const task = pool.run('work' as never);
    task.catch(() => undefined);
    await pass();
    worker.start(1);
    const cancelled = task.cancel('enough');
    clock.advance(1);
    worker.returns(1, 'done');
    await pass();
    await cancelled;
    await expect(task).rejects.toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED' });
    expect(task.state).toBe('cancelled');
    expect(worker.signals).toEqual([]);
  });
});

describe('a death', () => {
  test('settles the task that had started, and no other (G2, G3, G5)', async () => {
    const { pool, worker, workers, pass } = await poolWithWorker();
    const first = pool.run('work' as never);
    first.catch(() => undefined);
    const second = pool.run('work' as never);
    await pass();
    worker.start(1);
    worker.exits(3);
    await pass();
    await expect(first).rejects.toMatchObject({ code: 'ERR_EVERPOOL_WORKER_DIED', death: { exitCode: 3, phase: 'task' } });
    expect(second.state).toBe('queued');
    const [, next] = workers as [ScriptedWorker, ScriptedWorker];
    next.boot('work');
    await pass();
    next.returns(1, 'done');
    await pass();
    await expect(second).resolves.toBe('done');
    expect(second.attempts).toHaveLength(1);
  });

  test('starts the task again if it may, and no more often than that', async () => {
    const { pool, workers, pass } = await poolWithWorker({ restart: { intensity: 10 } });
    const task = pool.run('work' as never, [] as never, { retries: 1 });
    task.catch(() => undefined);
    for (let round = 0; round < 2; round += 1) {
      await pass(1000);
      const worker = workers.at(-1) as ScriptedWorker;
      if (worker.received.length === 0) worker.boot('work');
      await pass();
      worker.start(1);
      worker.exits(null, 'SIGKILL');
      await pass();
    }
    await expect(task).rejects.toMatchObject({ death: { signal: 'SIGKILL' } });
    expect(task.attempts.map(({ outcome }) => outcome)).toEqual(['orphaned', 'orphaned']);
  });
});

describe('a cancel', () => {
  test('before the dispatch: the task is never sent (G6)', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const task = pool.run('work' as never);
    task.catch(() => undefined);
    await Promise.all([task.cancel(), pass()]);
    expect(task.state).toBe('cancelled');
    expect(worker.attempts).toEqual([]);
  });

  test('of a sent task that has not started: it is withdrawn, and its worker is left alone', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const task = pool.run('work' as never);
    task.catch(() => undefined);
    await pass();
    await Promise.all([task.cancel(), pass()]);
    expect(worker.withdrawn).toEqual([1]);
    expect(task.state).toBe('cancelled');
    expect(task.attempts).toEqual([]);
    expect(worker.signals).toEqual([]);
  });

  test('of a started task: its worker is killed when the grace is over, step by step, and the cancel waits for its end (G7)', async () => {
    const killLadder = [
      { signal: 'SIGTERM', waitMs: 50 },
      { signal: 'SIGKILL', waitMs: 50 },
    ] as const;
    const { pool, worker, pass } = await poolWithWorker({ graceMs: 100, killLadder: [...killLadder] });
    const task = pool.run('work' as never);
    task.catch(() => undefined);
    await pass();
    worker.start(1);
    let isOver = false;
    void task.cancel().then(() => (isOver = true));
    await pass(99);
    expect(worker.signals).toEqual([]);
    await pass(2);
    expect(worker.signals).toEqual(['SIGTERM']);
    await pass(60);
    expect(worker.signals).toEqual(['SIGTERM', 'SIGKILL']);
    expect(isOver).toBe(false);
    worker.exits(null, 'SIGKILL');
    await pass();
    expect(isOver).toBe(true);
    await expect(task).rejects.toMatchObject({ forced: true });
  });
});

describe('a time limit', () => {
  test('counts from the start, ends the worker, and names the limit', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const task = pool.run('work' as never, [] as never, { timeoutMs: 100 });
    task.catch(() => undefined);
    await pass();
    worker.start(1);
    await pass(99);
    expect(worker.signals).toEqual([]);
    await pass(2);
    expect(worker.signals.length).toBeGreaterThan(0);
    worker.exits(null, 'SIGKILL');
    await pass();
    await expect(task).rejects.toMatchObject({ code: 'ERR_EVERPOOL_TIMEOUT', kind: 'run', timeoutMs: 100 });
  });

  test('of the queue: a task that has not started in time never starts', async () => {
    const { pool, worker, pass } = await poolWithWorker();
    const long = pool.run('work' as never);
    const task = pool.run('work' as never, [] as never, { queueTimeoutMs: 100 });
    task.catch(() => undefined);
    await pass();
    worker.start(1);
    await pass(101);
    await expect(task).rejects.toMatchObject({ kind: 'queue', timeoutMs: 100 });
    worker.returns(1, 'done');
    await pass();
    await expect(long).resolves.toBe('done');
    expect(worker.attempts).toEqual([1]);
  });
});
