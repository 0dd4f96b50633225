/** What failed tells who asked for it: long tasks by a captured stack, short ones by what awaits them. */
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, newPool, next, rejection, useKit } from '../../kit/pools.js';

describe('who asked for a task that fails', () => {
  useKit();

  test('is told of the first ones, also if nobody awaits them in an async function', async () => {
    const pool = newPool();
    function submittedHere(): Promise<unknown> {
      return pool.run('throws');
    }
    const error = await new Promise<Error>((resolve) => void submittedHere().then(undefined, resolve));
    expect(error.stack).toMatch(/tasks\.js[\s\S]*everpool task 1 \(throws\), submitted:[\s\S]*submittedHere.*callers\.test/);
  });

  test('is told of tasks known to be short by what awaits them, through async functions, combinators and chains', async () => {
    const pool = newPool();
    for (let index = 0; index < 50; index += 1) await rejection(pool.run('throws'));
    const innermost = async (): Promise<unknown> => await pool.run('throws');
    const ways: Record<string, () => Promise<unknown>> = {
      awaiting: async () => await innermost(),
      combining: async () => await Promise.all([pool.run('throws'), pool.run('add', [1, 2])]),
      chaining: async () => await pool.run('throws').then((value) => value),
      returning: async () => await (async () => pool.run('throws'))(),
    };
    for (const [name, way] of Object.entries(ways)) {
      const { stack, message } = await rejection(way());
      expect(message).toBe('broken on purpose');
      expect(stack, name).toMatch(new RegExp(`tasks\\.js[\\s\\S]*\\(throws\\), submitted:\\n[\\s\\S]*${name}.*callers\\.test`));
      expect(stack?.match(/, submitted:/g)).toHaveLength(1);
      expect(stack).not.toContain('pool/caller'); // ours are none of theirs
    }
    expect((await rejection(innermost())).stack).toContain('innermost');
  });

  test('is told when the worker died, too', async () => {
    const pool = newPool();
    const asked = async (): Promise<unknown> => await pool.run('exit', [3]);
    const error = await rejection(asked());
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error.stack).toMatch(/submitted:[\s\S]*asked.*callers\.test/);
  });

  test('is not looked for where somebody waits for the end: close resolves after the last task has settled', async () => {
    // No worker is there, and none comes: so nothing but the task keeps the pool from being closed.
    const pool = newPool({ module: fixture('no-such-module.js'), size: 1, stderr: 'ignore', restart: { backoff: { initialMs: 60_000 } } });
    await next(pool, 'workerDied');
    const order: string[] = [];
    pool.run('add', [1, 2], { queueTimeoutMs: 50 }).then(undefined, () => order.push('task'));
    await pool.close().then(() => order.push('close'));
    expect(order).toEqual(['task', 'close']);
  });
});
