/** Listeners that throw, and programs without any. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, until, useKit } from '../../kit/pools.js';

describe('listeners', () => {
  useKit();

  test('one that throws becomes a warning, starves no other, and the next task works', async () => {
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

  test('without any, a program survives every death, and no unhandled error is reported', async () => {
    const child = spawn(process.execPath, [new URL('../../fixtures/program-without-listeners.js', import.meta.url).pathname]);
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (said.stdout += chunk));
    child.stderr.on('data', (chunk) => (said.stderr += chunk));
    const [code] = await once(child, 'close');
    expect({ code, ...said }).toEqual({ code: 0, stdout: '3\n', stderr: '' });
  });
});
