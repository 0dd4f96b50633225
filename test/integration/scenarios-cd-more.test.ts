import { type Task, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, isRunning, newPool, rejection, until, useKit } from '../kit/pools.js';

describe('C. timeouts, D. cancel: what callbacks hear', () => {
  useKit();

  test('C02: a callback hears of the timeout', async () => {
    const pool = newPool({ killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const heard = await pool.run('never', [], { timeoutMs: 50 }).then(
      () => 'resolved',
      (error: Error) => error.name,
    );
    expect(heard).toBe('TaskTimeoutError');
  });

  test('C06: the limit is for each item, also where items travel together', async () => {
    const pool = newPool();
    const values = await pool.map('sleep', Array(20).fill(50) as number[], { chunkSize: 5, timeoutMs: 3000 });
    expect(values).toHaveLength(20);
  });

  test('C09: who waits only so long does not harm the task', async () => {
    const pool = newPool();
    const task = pool.run('sleep', [300, 'done']);
    await task.started;
    const limit = new Promise((_resolve, reject) => setTimeout(reject, 20, new Error('waited long enough')));
    await expect(Promise.race([task, limit])).rejects.toThrow('waited long enough');
    expect(task.state).toBe('running');
    expect(await task).toBe('done');
  });

  test('C10: what ended in time is delivered, then the one that did not', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const delivered: unknown[] = [];
    const error = await rejection(
      (async () => {
        for await (const value of pool.map('sleep', [0, 1, 60_000], { timeoutMs: 1000 })) delivered.push(value);
      })(),
    );
    expect(delivered).toEqual([0, 1]);
    expect(error.name).toBe('TaskTimeoutError');
  });

  test('C11: a wait that is over at once tells the state that each task is in', async () => {
    const pool = newPool({ size: 1 });
    const done = pool.run('add', [1, 2]);
    await done;
    const failed = pool.run('throws');
    await rejection(failed);
    const running = pool.run('never');
    await running.started;
    const queued = pool.run('noop');
    const cancelled = pool.run('noop');
    await cancelled.cancel();
    const now = (task: Task<unknown>): Promise<unknown> =>
      Promise.race([task.catch((error: Error) => error.name), new Promise((resolve) => setImmediate(resolve, 'pending'))]);
    expect(await Promise.all([queued, running, cancelled, failed, done].map(now))).toEqual([
      'pending',
      'pending',
      'TaskCancelledError',
      'RangeError',
      3,
    ]);
  });

  test('C20: one stuck task of a thousand: a placeholder for that one, the rest finish', async () => {
    const pool = newPool({ killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const items = Array.from({ length: 1000 }, (_, index) => (index === 500 ? 600_000 : 0));
    const values = (await pool.map('sleep', items, { timeoutMs: 2000, bufferSize: 100 }).settled()).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : 'stuck',
    );
    expect(values).toHaveLength(1000);
    expect(values[500]).toBe('stuck');
    expect(values.filter((value) => value === 0)).toHaveLength(999);
  });

  test('D02: a callback hears of the cancel, with the reason', async () => {
    const pool = newPool();
    const task = pool.run('untilAborted');
    const heard = task.then(
      () => 'resolved',
      (error: unknown) => error,
    );
    await task.started;
    await task.cancel('enough');
    expect(await heard).toBeInstanceOf(TaskCancelledError);
    expect(await heard).toMatchObject({ reason: 'enough', forced: false });
  });

  test('D15: the cancel of a batch cancels what runs and what waits, and resolves when none of it runs', async () => {
    const pool = newPool({ graceMs: 20, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const batch = pool.map('never', Array(10).fill(undefined), { chunkSize: 2 });
    const settled = batch.settled();
    // As their workers say it: `running` counts what was sent to an idle worker, and a cancel takes that back and kills nobody.
    await until('two of them have started', () => pool.workers().filter(({ tasks }) => (tasks[0]?.runningMs ?? 0) > 0).length === 2);
    const pids = pool.workers().map((worker) => worker.pid as number);
    await batch.cancel();
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0, waiting: 0 });
    expect(pids.some(isRunning)).toBe(false);
    for (const outcome of await settled) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool);
  });
});
