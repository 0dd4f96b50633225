import { describe, expect, test } from 'vitest';
import { expectUsable, isRunning, newPool, rejection, useKit } from '../kit.js';

/** What must work on every supported version of Node; the continuous integration runs this file on each. */
describe('smoke', () => {
  useKit();

  test('tasks, batches and errors', async () => {
    const pool = newPool();
    expect(await pool.run('add', [2, 3])).toBe(5);
    expect(await pool.tasks.add(2, 3)).toBe(5);
    expect(await pool.map('echo', [1, 2, 3])).toEqual([1, 2, 3]);
    expect(await rejection(pool.run('throws', ['text']))).toBeInstanceOf(RangeError);
    expect(await pool.exec((a: number) => a + 1, [1])).toBe(2);
    const value = { date: new Date(1), map: new Map([[1, 2]]), bytes: Buffer.from('x') };
    expect(await pool.run('echo', [value])).toEqual(value);
    await pool.close();
  });

  test('a dead worker, a killed task, a timeout, a cancel: the pool goes on', async () => {
    const pool = newPool();
    expect(await rejection(pool.run('exit', [3]))).toMatchObject({ death: { exitCode: 3 } });
    const spinning = pool.run('spinForever');
    const { pid } = await spinning.started;
    await spinning.kill();
    expect(isRunning(pid)).toBe(false);
    expect(await rejection(spinning)).toMatchObject({ forced: true });
    expect(await rejection(pool.run('spin', [10_000], { timeoutMs: 50 }))).toMatchObject({ kind: 'run' });
    const polite = pool.run('spinUntilAborted');
    await polite.started;
    await polite.cancel();
    expect(await rejection(polite)).toMatchObject({ forced: false });
    await expectUsable(pool);
    await pool.terminate();
  });

  test('short tasks in plenty, with a worker killed among them', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 5000 }, (_, index) => pool.run('echo', [index], { retries: 10 }));
    await tasks[1000];
    const pid = pool.workers()[0]?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
    await pool.kill();
  });
});
