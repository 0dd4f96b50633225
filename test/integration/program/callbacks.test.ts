import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Task, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('M. callbacks and promises', () => {
  useKit();

  test('M01: each callback is called once, the one for values or the one for errors', async () => {
    const pool = newPool();
    const calls: unknown[] = [];
    const listen = (batch: PromiseLike<unknown>): PromiseLike<void> =>
      batch.then(
        (value) => void calls.push(['value', value]),
        (error: Error) => void calls.push(['error', error.name]),
      );
    await listen(pool.map('echo', [1]));
    await listen(pool.map('throws', ['a']));
    await pool.idle();
    expect(calls).toEqual([
      ['value', [1]],
      ['error', 'RangeError'],
    ]);
  });

  test('M06: a listener that throws becomes a warning, starves no other, and the next task works', async () => {
    const pool = newPool();
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', onWarning);
    const heard: number[] = [];
    const throws = (): never => {
      throw new Error('a listener on purpose');
    };
    pool.on('taskSettled', throws);
    pool.on('taskSettled', ({ taskId }) => void heard.push(taskId));
    await pool.run('progress', [[1]], {
      onProgress: () => {
        throw new Error('progress on purpose');
      },
    });
    await expect(
      pool.run('noop').then(() => {
        throw new Error('then on purpose');
      }),
    ).rejects.toThrow('then on purpose');
    await until('the warnings are out', () => warnings.length >= 3);
    process.off('warning', onWarning);
    expect(warnings).toEqual(['progress on purpose', 'a listener on purpose', 'a listener on purpose']);
    expect(heard).toEqual([1, 2]);
    pool.off('taskSettled', throws);
    await expectUsable(pool);
  });

  test('M07: chains of 100, 50 and 60 tasks, each submitted from the callback of the one before', async () => {
    const pool = newPool();
    const chain = async (length: number): Promise<number[]> => {
      const order: number[] = [];
      const step = (index: number): Promise<unknown> =>
        pool.run('add', [index, 0]).then((value) => {
          order.push(value);
          return index + 1 < length ? step(index + 1) : undefined;
        });
      await step(0);
      return order;
    };
    const lengths = [100, 50, 60];
    const orders = await Promise.all(lengths.map(chain));
    expect(orders).toEqual(lengths.map((length) => Array.from({ length }, (_, index) => index)));
  });

  test('M08: a task settles once: what comes after it changes nothing', async () => {
    const pool = newPool();
    const done = pool.run('add', [1, 1]);
    expect(await done).toBe(2);
    await Promise.all([done.cancel('late'), done.kill('later')]);
    expect([await done, done.state]).toEqual([2, 'succeeded']);
    const ended = pool.run('never');
    await ended.started;
    await Promise.all([ended.kill('first'), ended.kill('second'), ended.cancel('third')]);
    expect(await rejection(ended)).toMatchObject({ reason: 'first' });
    await ended.kill('again');
    expect(await rejection(ended)).toMatchObject({ reason: 'first' });
    expect(pool.stats()).toMatchObject({ submitted: 2, succeeded: 1, cancelled: 1 });
  });

  test('M09: the state of a task at each step, with its attempts', async () => {
    const pool = newPool({ size: 1, pipelining: false });
    await pool.ready();
    const hasStarted = (task: Task<unknown>): unknown[] => [task.state, task.attempts.map(({ number, outcome }) => [number, outcome])];
    const first = pool.run('sleep', [200, 'slept'], { tag: 'a' });
    const second = pool.run('noop');
    expect([hasStarted(first), hasStarted(second)]).toEqual([
      ['queued', []],
      ['queued', []],
    ]);
    expect([first.id, first.name, first.tag, second.tag]).toEqual([1, 'sleep', 'a', undefined]);
    const attempt = await first.started;
    expect(attempt).toMatchObject({ number: 1, workerId: 1, pid: pool.workers()[0]?.pid });
    expect(Math.abs(attempt.startedAt - Date.now())).toBeLessThan(5000);
    expect([hasStarted(first), hasStarted(second)]).toEqual([
      ['running', [[1, undefined]]],
      ['queued', []],
    ]);
    await first;
    expect(hasStarted(first)).toEqual(['succeeded', [[1, 'ok']]]);
    expect(first.attempts[0]?.endedAt).toBeGreaterThanOrEqual(first.attempts[0]?.startedAt as number);
    await second;
    const waits = pool.run('failUntil', [3], { retries: { error: 2, delayMs: 200 } });
    await until('it waits', () => waits.state === 'waiting');
    expect(hasStarted(waits)).toEqual(['waiting', [[1, 'error']]]);
    expect(await waits).toBe(3);
    expect(hasStarted(waits)).toEqual([
      'succeeded',
      [
        [1, 'error'],
        [2, 'error'],
        [3, 'ok'],
      ],
    ]);
    const failed = pool.run('throws');
    await rejection(failed);
    expect(hasStarted(failed)).toEqual(['failed', [[1, 'error']]]);
    const died = pool.run('exit', [1]);
    await rejection(died);
    expect(hasStarted(died)).toEqual(['failed', [[1, 'orphaned']]]);
    const timedOut = pool.run('never', [], { timeoutMs: 20 });
    await rejection(timedOut);
    expect(hasStarted(timedOut)).toEqual(['failed', [[1, 'timeout']]]);
    const cancelled = pool.run('untilAborted');
    await cancelled.started;
    await cancelled.cancel();
    expect(hasStarted(cancelled)).toEqual(['cancelled', [[1, 'cancelled']]]);
    const never = pool.run('noop');
    await never.cancel();
    expect(hasStarted(never)).toEqual(['cancelled', []]);
    expect(await rejection(never.started)).toBeInstanceOf(TaskCancelledError);
    expect(String(never)).toBe('[object Task]');
  });

  test('M11: a hundred tasks let loose together all return', async () => {
    const pool = newPool();
    pool.pause();
    const tasks = Array.from({ length: 100 }, (_, index) => pool.run('echo', [index]));
    await pool.ready();
    pool.resume();
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
  });

  test('O09: with no listener on anything, any death: the program lives, and nothing is said of unhandled errors', async () => {
    const child = spawn(process.execPath, [new URL('../../fixtures/program-without-listeners.js', import.meta.url).pathname]);
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (said.stdout += chunk));
    child.stderr.on('data', (chunk) => (said.stderr += chunk));
    const [code] = await once(child, 'close');
    expect({ code, ...said }).toEqual({ code: 0, stdout: '3\n', stderr: '' });
  });

  test('a task is a promise that await and Promise.all take as it is, and what is derived from it is a plain one', async () => {
    const pool = newPool();
    const task = pool.run('add', [1, 2]);
    expect(Promise.resolve(task)).toBe(task);
    const derived = task.then((sum) => sum + 1);
    expect(Object.getPrototypeOf(derived)).toBe(Promise.prototype);
    expect(await Promise.all([task, derived])).toEqual([3, 4]);
    // Nobody but the pool settles it.
    const never = pool.run('sleep', [60_000]);
    (never as unknown as { resolve(value: unknown): void }).resolve(7);
    await never.cancel();
    await expect(never).rejects.toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED' });
    const refused = pool.run('no such task' as 'add');
    (refused as unknown as { reject(error: unknown): void }).reject(new Error('not by me'));
    await expect(refused).rejects.toMatchObject({ code: 'ERR_EVERPOOL_UNKNOWN_TASK' });
  });
});
