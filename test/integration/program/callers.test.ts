/**
 * The stack of a failed task names its caller: by a captured stack for long tasks, by what awaits
 * it for short ones.
 */
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, newPool, next, rejection, useKit } from '../../kit/pools.js';

describe('the caller of a task that fails', () => {
  useKit();

  test('is in the stack of the first tasks, even if no async function awaits them', async () => {
    const pool = newPool();
    function submittedHere(): Promise<unknown> {
      return pool.run('throws');
    }
    const error = await new Promise<Error>((resolve) => void submittedHere().then(undefined, resolve));
    expect(error.stack).toMatch(/tasks\.js[\s\S]*everpool task 1 \(throws\), submitted:[\s\S]*submittedHere.*callers\.test/);
  });

  test('is in the stack of short tasks that async functions, combinators or chains await', async () => {
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
      expect(stack).not.toMatch(/dist\/pool/);
    }
    expect((await rejection(innermost())).stack).toContain('innermost');
  });

  test('is in the stack if the worker died', async () => {
    const pool = newPool();
    const asked = async (): Promise<unknown> => await pool.run('exit', [3]);
    const error = await rejection(asked());
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error.stack).toMatch(/submitted:[\s\S]*asked.*callers\.test/);
  });

  test('does not delay the task past close(), which resolves after the last task has settled', async () => {
    // The pool has no worker and gets none, so only the task delays close().
    const pool = newPool({ module: fixture('no-such-module.js'), size: 1, stderr: 'ignore', restart: { backoff: { initialMs: 60_000 } } });
    await next(pool, 'workerDied');
    const order: string[] = [];
    pool.run('add', [1, 2], { queueTimeoutMs: 50 }).then(undefined, () => order.push('task'));
    await pool.close().then(() => order.push('close'));
    expect(order).toEqual(['task', 'close']);
  });
});
