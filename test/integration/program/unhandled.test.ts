/** Whatever a program does with a pool, only its own rejections can end it. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { linesOf, newFolder, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

describe('nothing is an unhandled rejection', () => {
  useKit();

  const rejects = async (): Promise<never> => {
    throw new Error('on purpose');
  };

  test('an async callback that rejects becomes a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      const pool = newPool({ size: 1 });
      pool.on('workerReady', rejects);
      pool.once('taskStarted', rejects);
      pool.on('taskSettled', rejects);
      await pool.run('progress', [[1]] as never, { onProgress: rejects });
      const batch = pool.map('echo', [1]);
      batch.onProgress(rejects);
      await batch;
      await rejection(pool.run('throws', [], { retries: { error: 1, delayMs: rejects as never } }));
      await until(
        'each has warned',
        () => new Set(warnings.map((warning) => (warning as { detail?: string }).detail)).size >= 5 && warnings.length >= 7,
      );
      expect(warnings.every(({ message }) => message === 'on purpose')).toBe(true);
    } finally {
      process.off('warning', onWarning);
    }
  });

  test('property lookups by the language on pool.tasks submit nothing: a pool can be logged as JSON', async () => {
    const pool = newPool({ size: 1, name: 'logged' });
    expect(JSON.parse(JSON.stringify({ pool, scope: pool.scope() }))).toMatchObject({ pool: { name: 'logged' } });
    expect(JSON.stringify(pool.tasks)).toBe('{}');
    expect(() => `${pool.tasks}`).toThrow(TypeError);
    expect(await pool.tasks.add(1, 2)).toBe(3);
    expect(pool.stats().submitted).toBe(1);
  });

  test('.started of a refused task rejects with the task, and is the same promise each time', async () => {
    const pool = newPool({ size: 1 });
    const refused = [pool.run('echo', [() => 1] as never), pool.run('echo', [1], { signal: AbortSignal.abort() })];
    for (const task of refused) {
      const { started } = task;
      expect(task.started).toBe(started);
      const error = await rejection(task);
      expect(await rejection(started)).toBe(error);
    }
    const unread = pool.run('echo', [() => 1] as never);
    void unread.started;
    await rejection(unread);
    await pool.close();
    const late = pool.run('echo', [1]);
    void late.started;
    await rejection(late); // an unhandled rejection would fail this file
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('the control file of a worker', () => {
  useKit();

  const swap = `
    import { appendFileSync, closeSync, openSync, writeFileSync } from 'node:fs';
    export const warm = () => {};
    export const mark = (file) => appendFileSync(file, 'x');
    export const closes = () => closeSync(6);
    export const swaps = (file) => { closeSync(6); return openSync(file, 'w+'); };
    export const forges = (file) => {
      writeFileSync(file, Buffer.alloc(64, 7));
      closeSync(6);
      return openSync(file, 'r');
    };
  `;
  for (const how of ['closes', 'swaps', 'forges'] as const) {
    test(`whose offers a task ${how} ends that worker before another task starts in it`, async () => {
      const folder = newFolder();
      const file = `${folder}/tasks.mjs`;
      writeFileSync(file, swap);
      const pool = newPool({ module: pathToFileURL(file).href, size: 1 } as never) as never as {
        run(name: string, args?: unknown[]): Promise<unknown>;
        workers(): { pid?: number }[];
      };
      await pool.run('warm');
      const died = next(pool as never, 'workerDied');
      await pool.run(how, [`${folder}/other`]);
      const [{ status }] = (await Promise.allSettled([pool.run('mark', [`${folder}/marks`])])) as [{ status: string }];
      await died;
      await pool.run('warm');
      // The file that the parent reads says that it had not started, so it was sent again.
      expect(linesOf(`${folder}/marks`)).toEqual(['x']);
      expect(status).toBe('fulfilled');
    });
  }
});
