/** terminate() and kill(): every task settles, and the workers end. */
import { PoolClosedError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, rejection, useKit } from '../../kit/pools.js';

describe('terminate() and kill()', () => {
  useKit();

  test('terminate() settles all of 10,000 queued tasks', async () => {
    const pool = newPool({ graceMs: 50 });
    const tasks = Array.from({ length: 10_000 }, () => pool.run('sleep', [100]));
    const outcomes = Promise.allSettled(tasks);
    await tasks[0]?.started;
    await pool.terminate();
    const rejected = (await outcomes).filter((outcome) => outcome.status === 'rejected');
    expect(rejected.length).toBeGreaterThan(9_000);
    for (const { reason } of rejected) expect(reason).toBeInstanceOf(TaskCancelledError);
  });

  test('terminate() with less grace shortens the grace of an earlier terminate()', async () => {
    const pool = newPool({ size: 1, graceMs: 60_000, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const task = pool.run('sleep', [60_000]);
    await task.started;
    const first = pool.terminate();
    await Promise.all([first, pool.terminate({ graceMs: 10 })]);
    expect(await rejection(task)).toMatchObject({ forced: true });
  });

  test('after the end of the pool a task is refused by a rejection, not by a throw', async () => {
    const pool = newPool();
    await pool[Symbol.asyncDispose]();
    expect(pool.state).toBe('closed');
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
    await pool.close();
    await pool.kill();
  });

  test('a pool can be ended after a crash, or before it has a worker', async () => {
    const pool = newPool();
    await rejection(pool.run('exit', [1]));
    await pool.kill();
    await newPool().terminate();
    await newPool().close();
  });

  test('kill() with a hundred short and a hundred long tasks rejects the long ones immediately', async () => {
    const pool = newPool();
    const short = Array.from({ length: 100 }, () => pool.run('noop'));
    const long = Array.from({ length: 100 }, () => pool.run('sleep', [60_000]));
    const outcomes = Promise.allSettled(long);
    await Promise.all(short);
    await pool.kill();
    for (const outcome of await outcomes) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
  });

  test('a pool killed with a task of hours can be replaced by one with other options', async () => {
    const old = newPool();
    const task = old.run('sleep', [10_000_000]);
    const error = rejection(task);
    await task.started;
    const [, fresh] = await Promise.all([old.kill(), Promise.resolve(newPool({ size: 1, env: { EVERPOOL_TEST: 'new' } }))]);
    expect(await error).toBeInstanceOf(TaskCancelledError);
    await expectUsable(fresh, 1);
  });
});
