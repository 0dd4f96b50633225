/** Hung and stopped workers, found by the heartbeat. */
import { type Death, type PoolOptions, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as HangsIdle from '../../fixtures/hangs-idle.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newGate, newPool, next, rejection, until, useKit } from '../../kit/pools.js';

const QUICK = { intervalMs: 50, timeoutMs: 200 };
const hanging = (options: PoolOptions = {}) =>
  newPool<typeof HangsIdle>({ module: fixture('hangs-idle.js'), heartbeat: QUICK, restart: { intensity: 100 }, ...options });

describe('the heartbeat', () => {
  useKit();

  test('kills and replaces a stopped idle worker, and nobody else notices', async () => {
    const pool = hanging();
    await pool.ready();
    const gate = newGate();
    const bystander = pool.run('untilFile', [gate.file, 'done']);
    await bystander.started;
    const [idle] = pool.workers().filter(({ state }) => state === 'idle');
    const pid = idle?.pid as number;
    const died = next(pool, 'workerDied');
    process.kill(pid, 'SIGSTOP');
    const { death, orphans } = await died;
    expect(death).toMatchObject({ cause: 'unresponsive', phase: 'idle', requested: false, signal: 'SIGKILL', pid });
    expect(orphans).toEqual([]);
    expect(isRunning(pid)).toBe(false);
    gate.open();
    expect(await bystander).toBe('done');
    expect(bystander.attempts).toHaveLength(1);
    await expectUsable(pool as never);
  });

  test('replaces a worker each time it is stopped', async () => {
    const pool = hanging({ size: 1 });
    const pids = new Set<number>();
    for (let round = 0; round < 3; round += 1) {
      const pid = await pool.run('pid');
      pids.add(pid);
      process.kill(pid, 'SIGSTOP');
      await until('it has ended', () => !isRunning(pid));
    }
    expect(pids.size).toBe(3);
    await until('all deaths are known', () => pool.stats().deaths === 3);
    await expectUsable(pool as never, 1);
  });

  test('rejects the task of a stopped worker with an error that says that it stopped answering', async () => {
    const pool = hanging();
    const task = pool.run('sleep', [60_000]);
    const { pid } = await task.started;
    process.kill(pid, 'SIGSTOP');
    const error = await rejection(task);
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error).toMatchObject({ death: { cause: 'unresponsive', phase: 'task', requested: false } });
    expect(error.message).toContain('stopped answering');
    await expectUsable(pool as never);
  });

  test('with retries runs the task of a stopped worker on another one', async () => {
    const pool = hanging();
    const task = pool.run('attempt', [], { retries: 1 });
    expect(await task).toBe(1);
    const gate = newGate();
    const slow = pool.run('untilFile', [gate.file, 'again'], { retries: 1 });
    process.kill((await slow.started).pid, 'SIGSTOP');
    gate.open();
    expect(await slow).toBe('again');
    expect(slow.attempts.map(({ outcome }) => outcome)).toEqual(['orphaned', 'ok']);
    await expectUsable(pool as never);
  });

  test.each(['spinsAfterwards', 'sleepsAfterwards'] as const)(
    'kills an idle worker whose event loop is blocked for ever (%s); it is charged, and no task is blamed',
    async (name) => {
      const pool = hanging({ size: 1 });
      const died = next(pool, 'workerDied');
      await pool.run(name);
      const { death, orphans } = await died;
      expect(death).toMatchObject({ cause: 'unresponsive', phase: 'idle', requested: false });
      expect(orphans).toEqual([]);
      await expectUsable(pool as never, 1);
    },
  );

  test.each(['spinsAfterwards', 'sleepsAfterwards'] as const)(
    'moves a task that was sent to such a worker (%s) and never started to another, without counting an attempt',
    async (name) => {
      const pool = hanging({ size: 1 });
      const file = `${newFolder()}/hangs`;
      await pool.run(name, [file]);
      await until('it hangs', () => linesOf(file).length === 1);
      const task = pool.run('add', [1, 2]);
      expect(await task).toBe(3);
      expect(task.attempts).toHaveLength(1);
      expect(pool.stats().deaths).toBe(1);
      await expectUsable(pool as never, 1);
    },
  );

  test('leaves alone a worker that computes for many times the limit', async () => {
    const pool = hanging({ size: 1 });
    const deaths: Death[] = [];
    pool.on('workerDied', ({ death }) => deaths.push(death));
    expect(await pool.run('spin', [1500])).toBe(1500);
    expect(deaths).toEqual([]);
    await expectUsable(pool as never, 1);
  });

  test('set to false leaves a stopped worker alone', async () => {
    const pool = hanging({ size: 1, heartbeat: false });
    const pid = await pool.run('pid');
    process.kill(pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(isRunning(pid)).toBe(true);
    expect(pool.stats().deaths).toBe(0);
    process.kill(pid, 'SIGCONT');
    await expectUsable(pool as never, 1);
  });

  test('finds a worker that is stopped in its boot, as a spare, or while it drains', async () => {
    const pool = hanging({ size: 1, spares: 1 });
    await until('both are ready', () => pool.stats().spares === 1);
    const spare = pool.workers().find(({ slot }) => slot === -1)?.pid as number;
    process.kill(spare, 'SIGSTOP');
    await until('the spare is replaced', () => !isRunning(spare) && pool.stats().spares === 1);

    const task = pool.run('sleep', [60_000], { retries: 1 });
    const { pid } = await task.started;
    const restarted = pool.restart();
    await until('it drains', () => pool.workers().some((each) => each.pid === pid && each.state === 'draining'));
    process.kill(pid, 'SIGSTOP');
    await restarted;
    await until('it has ended', () => !isRunning(pid));
    await until('its task runs elsewhere', () => task.attempts.length === 2);
    await task.kill();

    const spawned = next(pool, 'workerSpawned');
    await pool.killWorker(pool.workers().find(({ slot }) => slot === 0)?.id as number);
    const booting = (await spawned).pid;
    process.kill(booting, 'SIGSTOP');
    await until('it has ended', () => !isRunning(booting));
    await expectUsable(pool as never, 1);
  });

  test('blames no worker after the parent stood still', async () => {
    const pool = hanging({ heartbeat: { intervalMs: 20, timeoutMs: 40 } });
    await pool.ready();
    for (let round = 0; round < 5; round += 1) {
      for (const end = performance.now() + 150; performance.now() < end; );
      await new Promise((resolve) => setTimeout(resolve, 70));
    }
    expect(pool.stats().deaths).toBe(0);
    await expectUsable(pool as never);
  });
});
