/** timeoutMs, softTimeoutMs and queueTimeoutMs of one task. */
import { type Task, TaskTimeoutError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, isRunning, linesOf, newFolder, newGate, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('the time limit of a task', () => {
  useKit();

  test.each([
    ['sleep', [10_000]],
    ['spin', [10_000]],
    ['ignoreSigterm', []],
  ] as const)('%s ends by its limit, and its worker is replaced', async (name, args) => {
    const pool = newPool({ killLadder: [{ signal: 'SIGTERM', waitMs: 200 }] });
    await pool.ready();
    const task = pool.run(name, args as never, { timeoutMs: 100 });
    const { pid } = await task.started;
    const error = await rejection(task);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).toMatchObject({ kind: 'run', timeoutMs: 100 });
    await until('its worker has ended', () => !isRunning(pid));
    await expectUsable(pool);
  });

  test('rejects with TaskTimeoutError', async () => {
    const pool = newPool({ killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const heard = await pool.run('never', [], { timeoutMs: 50 }).then(
      () => 'resolved',
      (error: Error) => error.name,
    );
    expect(heard).toBe('TaskTimeoutError');
  });

  test('that is not a number throws immediately', () => {
    const pool = newPool();
    expect(() => pool.run('noop', [], { timeoutMs: '5' as never })).toThrow(/timeoutMs/);
  });

  test('soft, fires the signal; hard, ends the task', async () => {
    const pool = newPool();
    expect((await rejection(pool.run('untilAborted', [], { softTimeoutMs: 50, timeoutMs: 10_000 }))).name).toBe('TaskTimeoutError');
    expect((await rejection(pool.run('spinUntilAborted', [], { softTimeoutMs: 50, timeoutMs: 10_000 }))).name).toBe('TaskTimeoutError');
    expect(pool.stats().spawned).toBe(2);
    expect(await rejection(pool.run('spin', [10_000], { softTimeoutMs: 20, timeoutMs: 100 }))).toBeInstanceOf(TaskTimeoutError);
  });

  test('soft, is named in the error in milliseconds', async () => {
    const pool = newPool({ size: 1 });
    expect(await rejection(pool.run('untilAborted', [], { softTimeoutMs: 30 }))).toMatchObject({ timeoutMs: 30, kind: 'run' });
  });

  test('that ended a task allows it the retries of retries.timeout', async () => {
    const pool = newPool();
    const task = pool.run('never', [], { timeoutMs: 50, retries: { timeout: 2 } });
    await rejection(task);
    expect(task.attempts.map((attempt) => attempt.outcome)).toEqual(['timeout', 'timeout', 'timeout']);
  });

  test('queueTimeoutMs ends the wait in the queue, and the task never starts after it', async () => {
    const pool = newPool({ size: 1 });
    const file = `${newFolder()}/marks`;
    const gate = newGate();
    const first = pool.run('spinUntilFile', [gate.file]);
    const error = await rejection(pool.run('mark', [file, 'late'], { queueTimeoutMs: 50 }));
    expect(error).toMatchObject({ kind: 'queue', name: 'TaskTimeoutError' });
    gate.open();
    await first;
    await expectUsable(pool, 1);
    expect(linesOf(file)).toEqual([]);
  });

  test('of a caller that stops waiting does not harm the task', async () => {
    const pool = newPool();
    const gate = newGate();
    const task = pool.run('untilFile', [gate.file, 'done']);
    await task.started;
    const limit = new Promise((_resolve, reject) => setTimeout(reject, 20, new Error('waited long enough')));
    await expect(Promise.race([task, limit])).rejects.toThrow('waited long enough');
    expect(task.state).toBe('running');
    gate.open();
    expect(await task).toBe('done');
  });

  test('of zero shows the state that each task is in', async () => {
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
});
