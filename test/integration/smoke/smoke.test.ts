/** What must work on every supported version of Node; CI runs this file on each. */
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, newPool, rejection, useKit } from '../../kit/pools.js';

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

  test('a worker boots without what Node loads slowly', async () => {
    const pool = newPool();
    const loaded = await pool.exec(() => (process as unknown as { moduleLoadList: string[] }).moduleLoadList);
    expect(loaded).toContain('NativeModule net');
    // `fetch`, its classes, and what they need.
    expect(loaded.filter((name) => /\b(?:undici|http2?|tls|zlib|crypto)$/.test(name))).toEqual([]);
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

  test('many short tasks, with a worker killed among them', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 5000 }, (_, index) => pool.run('echo', [index], { retries: 10 }));
    await tasks[1000];
    const pid = pool.workers()[0]?.pid;
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
    await pool.kill();
  });

  test('a task module in TypeScript runs as it is where Node strips types (22.18 and later)', async (context) => {
    if (!('typescript' in process.features && process.features.typescript)) context.skip();
    const pool = newPool<typeof import('../../fixtures/typed.js')>({ module: fixture('typed.ts'), execArgv: [] });
    expect(await pool.run('length', [{ x: 3, y: 4 }])).toBe(5);
  });

  test('the permission model, a diagnosis, the heartbeat', async () => {
    const confined = newPool({ permission: {} });
    expect(await rejection(confined.run('mark', ['/tmp/everpool-may-not', 'x']))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(await confined.run('add', [1, 2])).toBe(3);
    const pool = newPool({ diagnose: true, heartbeat: { intervalMs: 50, timeoutMs: 200 } });
    let stack: unknown;
    // The kill waits 450 ms for the stack, which a busy machine may exceed.
    for (let tries = 0; stack === undefined && tries < 5; tries += 1) {
      stack = (await rejection(pool.run('spinForever', [], { timeoutMs: 100 })))['workerStack'];
    }
    expect(stack).toContain('spinForever');
    const task = pool.run('sleep', [60_000]);
    process.kill((await task.started).pid, 'SIGSTOP');
    expect(await rejection(task)).toMatchObject({ death: { cause: 'unresponsive' } });
    await expectUsable(pool);
  });
});
