/** onStart and onStop of a task module. */
import { OptionsError, type PoolOptions } from 'everpool';
import { onStart, onStop } from 'everpool/worker';
import { describe, expect, test } from 'vitest';
import type * as Hooked from '../../fixtures/hooked.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, next, rejection, useKit } from '../../kit/pools.js';

const hooked = (workerData: object, options: PoolOptions = {}) =>
  newPool<typeof Hooked>({ module: fixture('hooked.js'), size: 1, workerData, ...options });

describe('hooks', () => {
  useKit();

  test('onStart gets workerData, and the worker is ready after it; onStop runs before it leaves', async () => {
    const file = `${newFolder()}/hooks`;
    const pool = hooked({ file, startMs: 100 });
    const ready = await next(pool, 'workerReady');
    expect(ready.bootMs).toBeGreaterThan(100);
    expect(await pool.run('add', [1, 2])).toBe(3);
    const pid = await pool.run('pid');
    await pool.close();
    expect(linesOf(file)).toEqual([`${pid} start`, `${pid} stop begins`, `${pid} stop ends`]);
  });

  test('onStart runs once in every worker, replacements included', async () => {
    const pool = newPool({ module: fixture('initialised.js'), size: 1, workerData: { greeting: 'hello' } });
    expect(await pool.run('initialisedWith' as never)).toEqual(['hello']);
    await rejection(pool.run('exitNow' as never));
    expect(await pool.run('initialisedWith' as never)).toEqual(['hello']);
  });

  test('onStart that throws is a boot death: the pool breaks, and the error has what it threw', async () => {
    const pool = hooked({ failsToStart: true }, { restart: { intensity: 1, probeMs: false } });
    const error = await rejection(pool.run('add', [1, 2]));
    expect(error).toMatchObject({ code: 'ERR_EVERPOOL_BROKEN', death: { phase: 'boot' } });
    expect(error.message).toContain('no connection');
  });

  test('onStart that takes too long is a boot death', async () => {
    const pool = hooked({ startMs: 60_000 }, { bootTimeoutMs: 200, restart: { intensity: 0, probeMs: false } });
    expect(await rejection(pool.run('add', [1, 2]))).toMatchObject({ death: { cause: 'boot-timeout', phase: 'boot' } });
  });

  test('onStop that takes too long is ended by the next step of the kill ladder', async () => {
    const file = `${newFolder()}/hooks`;
    const pool = hooked({ file, stopMs: 60_000 }, { graceMs: 200, killLadder: [{ signal: 'SIGKILL', waitMs: 5000 }] });
    const pid = await pool.run('pid');
    await pool.close();
    expect(isRunning(pid)).toBe(false);
    expect(linesOf(file)).toEqual([`${pid} start`, `${pid} stop begins`]);
  });

  test('onStop that throws still ends the worker', async () => {
    const pool = hooked({ failsToStop: true });
    const pid = await pool.run('pid');
    await pool.close();
    expect(isRunning(pid)).toBe(false);
  });

  test('on SIGTERM a worker that awaits runs onStop; one that spins does not, and SIGKILL ends it', async () => {
    const file = `${newFolder()}/hooks`;
    const pool = hooked({ file }, { size: 2, graceMs: 50, killLadder: [{ signal: 'SIGTERM', waitMs: 300 }] });
    const waiting = pool.run('never');
    const spinning = pool.run('spinForever');
    const [{ pid: awaits }, { pid: spins }] = await Promise.all([waiting.started, spinning.started]);
    await Promise.all([waiting.kill(), spinning.kill()]);
    expect([isRunning(awaits), isRunning(spins)]).toEqual([false, false]);
    expect(linesOf(file)).toContain(`${awaits} stop ends`);
    expect(linesOf(file)).not.toContain(`${spins} stop begins`);
    await Promise.allSettled([waiting, spinning]);
    await expectUsable(pool as never);
  });

  test('hooks that are not functions, and modules that are not modules, are refused immediately', () => {
    for (const hook of [onStart, onStop]) {
      expect(() => hook('5' as never)).toThrow(OptionsError);
      expect(() => hook(undefined as never)).toThrow(/expected a function, got undefined/);
    }
    for (const module of [5, null, {}, '', './relative.js']) expect(() => newPool({ module: module as never })).toThrow(/module/);
  });
});
