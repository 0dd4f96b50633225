/** A task as a promise: who hears what of it, and when. */
import { type Task, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { newGate, newPool, next, rejection, useKit } from '../../kit/pools.js';

describe('the promise of a task', () => {
  useKit();

  test('each callback is called once, the one for values or the one for errors', async () => {
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

  test('chains of 100, 50 and 60 tasks, each submitted from the callback of the one before, stay in order', async () => {
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

  test('a task settles once: cancel() and kill() afterwards change nothing', async () => {
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

  test('state and attempts are right at each step', async () => {
    const pool = newPool({ size: 1, pipelining: false });
    await pool.ready();
    const storyOf = (task: Task<unknown>): unknown[] => [task.state, task.attempts.map(({ number, outcome }) => [number, outcome])];
    const gate = newGate();
    const first = pool.run('untilFile', [gate.file, 'done'], { tag: 'a' });
    const second = pool.run('noop');
    expect([storyOf(first), storyOf(second)]).toEqual([
      ['queued', []],
      ['queued', []],
    ]);
    expect([first.id, first.name, first.tag, second.tag]).toEqual([1, 'untilFile', 'a', undefined]);
    const attempt = await first.started;
    expect(attempt).toMatchObject({ number: 1, workerId: 1, pid: pool.workers()[0]?.pid });
    expect(Math.abs(attempt.startedAt - Date.now())).toBeLessThan(5000);
    expect([storyOf(first), storyOf(second)]).toEqual([
      ['running', [[1, undefined]]],
      ['queued', []],
    ]);
    gate.open();
    await first;
    expect(storyOf(first)).toEqual(['succeeded', [[1, 'ok']]]);
    expect(first.attempts[0]?.endedAt).toBeGreaterThanOrEqual(first.attempts[0]?.startedAt as number);
    await second;
    const waits = pool.run('failUntil', [3], { retries: { error: 2, delayMs: 200 } });
    await next(pool, 'taskRetried');
    expect(storyOf(waits)).toEqual(['waiting', [[1, 'error']]]);
    expect(await waits).toBe(3);
    expect(storyOf(waits)).toEqual([
      'succeeded',
      [
        [1, 'error'],
        [2, 'error'],
        [3, 'ok'],
      ],
    ]);
    const failed = pool.run('throws');
    await rejection(failed);
    expect(storyOf(failed)).toEqual(['failed', [[1, 'error']]]);
    const died = pool.run('exit', [1]);
    await rejection(died);
    expect(storyOf(died)).toEqual(['failed', [[1, 'orphaned']]]);
    const timedOut = pool.run('never', [], { timeoutMs: 20 });
    await rejection(timedOut);
    expect(storyOf(timedOut)).toEqual(['failed', [[1, 'timeout']]]);
    const cancelled = pool.run('untilAborted');
    await cancelled.started;
    await cancelled.cancel();
    expect(storyOf(cancelled)).toEqual(['cancelled', [[1, 'cancelled']]]);
    const never = pool.run('noop');
    await never.cancel();
    expect(storyOf(never)).toEqual(['cancelled', []]);
    expect(await rejection(never.started)).toBeInstanceOf(TaskCancelledError);
    expect(String(never)).toBe('[object Task]');
  });

  test('a hundred tasks released together all return', async () => {
    const pool = newPool();
    pool.pause();
    const tasks = Array.from({ length: 100 }, (_, index) => pool.run('echo', [index]));
    await pool.ready();
    pool.resume();
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
  });

  test('await and Promise.all take a task as it is, and what is derived from it is a plain promise', async () => {
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
