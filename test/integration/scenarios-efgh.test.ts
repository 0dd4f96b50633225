import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { PoolBrokenError, PoolClosedError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, next, rejection, until, useKit } from '../kit/pools.js';

describe('E. close, terminate, shutdown', () => {
  useKit();

  test('E01: terminate with 10,000 queued settles every one of them', async () => {
    const pool = newPool({ graceMs: 50 });
    const tasks = Array.from({ length: 10_000 }, () => pool.run('sleep', [100]));
    const outcomes = Promise.allSettled(tasks);
    await tasks[0]?.started;
    await pool.terminate();
    const rejected = (await outcomes).filter((outcome) => outcome.status === 'rejected');
    expect(rejected.length).toBeGreaterThan(9_000);
    for (const { reason } of rejected) expect(reason).toBeInstanceOf(TaskCancelledError);
  });

  test('E02, E22: after the end a task is refused, without a throw', async () => {
    const pool = newPool();
    await pool[Symbol.asyncDispose]();
    expect(pool.state).toBe('closed');
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
    await pool.close();
    await pool.kill();
  });

  test('E06: afterTasks 1, six tasks, closed at once: all results, each from a worker of its own', async () => {
    const pool = newPool({ recycle: { afterTasks: 1 } });
    const tasks = Array.from({ length: 6 }, () => pool.run('pid'));
    const closed = pool.close();
    expect(new Set(await Promise.all(tasks)).size).toBe(6);
    await closed;
  });

  test('E13, E29: close lets everything finish and takes nothing more', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 50 }, (_, index) => pool.run('sleep', [5, index]));
    const closed = pool.close();
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
    expect(await Promise.all(tasks)).toEqual(tasks.map((_, index) => index));
    await closed;
  });

  test('E14: close with cancelQueued finishes what runs and cancels the rest', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 50 }, () => pool.run('sleep', [100]));
    const outcomes = Promise.allSettled(tasks);
    await tasks[1]?.started;
    await pool.close({ cancelQueued: true });
    const statuses = (await outcomes).map((outcome) => outcome.status);
    expect(statuses.filter((status) => status === 'fulfilled')).toHaveLength(2);
  });

  test('E19, E43: workers that never stop are ended by the ladder; close with a limit becomes terminate', async () => {
    const pool = newPool({ graceMs: 50, killLadder: [{ signal: 'SIGTERM', waitMs: 100 }] });
    const tasks = [pool.run('never'), pool.run('ignoreSigterm')];
    const pids = (await Promise.all(tasks.map((task) => task.started))).map((attempt) => attempt.pid);
    const errors = Promise.all(tasks.map(rejection));
    await pool.close({ timeoutMs: 50 });
    for (const error of await errors) expect(error).toBeInstanceOf(TaskCancelledError);
    expect(pids.some(isRunning)).toBe(false);
  });

  test('E20, E21: ending a pool after a crash, or before any worker is there', async () => {
    const pool = newPool();
    await rejection(pool.run('exit', [1]));
    await pool.kill();
    await newPool().terminate();
    await newPool().close();
  });

  test('E40: workers that are slow to leave stop in parallel', async () => {
    const file = `${newFolder()}/stops`;
    const pool = newPool({ module: fixture('stop-together.js'), size: 3, graceMs: 120_000, workerData: { file, count: 3 } });
    await pool.ready();
    await pool.close();
    // One after the other, the first would wait in vain for the second, until the grace is over.
    expect(linesOf(file)).toEqual(['begins', 'begins', 'begins', 'ends', 'ends', 'ends']);
  });

  test('E08, E11: a program that ends without waiting still completes its work and exits by itself', async () => {
    const folder = newFolder();
    const child = spawn(process.execPath, [new URL('../fixtures/program-ends-without-waiting.js', import.meta.url).pathname, folder]);
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code] = await once(child, 'close');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(linesOf(`${folder}/marks`)).toHaveLength(8);
  });
});

describe('F. parent death', () => {
  useKit();

  test.each(['idle', 'awaiting', 'spinning', 'nested'])(
    'F01, F11, O10: the parent is SIGKILLed with %s workers and their children: all are gone',
    async (how) => {
      const folder = newFolder();
      const child = spawn(process.execPath, [new URL('../fixtures/program-with-workers.js', import.meta.url).pathname, folder, how], {
        stdio: 'ignore',
      });
      await until('its processes are there', () => linesOf(`${folder}/ready`).length > 0);
      const pids = linesOf(`${folder}/pids`).map(Number);
      expect(pids.length).toBeGreaterThan(1);
      expect(pids.every(isRunning)).toBe(true);
      child.kill('SIGKILL');
      await until('none of them is left', () => !pids.some(isRunning));
    },
  );
});

describe('G. boot failure and restart intensity', () => {
  useKit();

  test('G01: every worker, replacements included, is initialised once with the data', async () => {
    const pool = newPool({ module: fixture('initialised.js'), size: 1, workerData: { greeting: 'hello' } });
    expect(await pool.run('initialisedWith' as never)).toEqual(['hello']);
    await rejection(pool.run('exitNow' as never));
    expect(await pool.run('initialisedWith' as never)).toEqual(['hello']);
  });

  test('G02, G29, G35, O06: a module that throws breaks the pool with its stack, spawns no more than intensity + 1, and recovers when repaired', async () => {
    const file = `${newFolder()}/module.mjs`;
    writeFileSync(file, 'throw new Error("broken at import");');
    const pool = newPool({ module: file, restart: { intensity: 3, probeMs: 1000, backoff: { initialMs: 5 } } });
    const tasks = [pool.run('noop' as never), pool.run('noop' as never)];
    for (const task of tasks) {
      const error = await rejection(task);
      expect(error).toBeInstanceOf(PoolBrokenError);
      expect(error.message).toContain('broken at import');
      expect(error['death']).toMatchObject({ phase: 'boot', cause: 'exit' });
    }
    expect(pool.state).toBe('broken');
    expect(pool.stats().spawned).toBeLessThanOrEqual(4);
    expect(await rejection(pool.ready())).toBeInstanceOf(PoolBrokenError);
    expect(await rejection(pool.run('noop' as never))).toBeInstanceOf(PoolBrokenError);
    writeFileSync(file, 'export const noop = () => "well again";');
    await next(pool, 'recovered');
    expect(await pool.run('noop' as never)).toBe('well again');
  });

  test('revive leaves broken at once', async () => {
    const file = `${newFolder()}/module.mjs`;
    writeFileSync(file, 'process.exit(4);');
    const pool = newPool({ module: file, restart: { intensity: 1, probeMs: false, backoff: { initialMs: 1 } } });
    await next(pool, 'broken');
    writeFileSync(file, 'export const noop = () => 1;');
    pool.revive();
    expect(pool.state).toBe('open');
    expect(await pool.run('noop' as never)).toBe(1);
  });

  test('G31, G32, G36, O05: a worker that is never ready is a boot timeout', async () => {
    const pool = newPool({ module: fixture('never-ready.js'), size: 1, bootTimeoutMs: 300, restart: { intensity: 0, probeMs: false } });
    expect(await rejection(pool.run('noop'))).toMatchObject({ name: 'PoolBrokenError', death: { cause: 'boot-timeout', phase: 'boot' } });
    const other = newPool({ module: fixture('never-ready.js'), size: 1 });
    const task = rejection(other.run('noop'));
    await next(other, 'workerSpawned');
    await other.kill();
    expect(await task).toBeInstanceOf(TaskCancelledError);
  });

  test('O04, E25: a spawn that fails is a death; when the cause is gone the pool recovers', async () => {
    const folder = newFolder();
    const pool = newPool({ cwd: `${folder}/not-there`, restart: { intensity: 1, probeMs: 100, backoff: { initialMs: 5 } } });
    const error = await rejection(pool.run('add', [1, 1]));
    expect(error).toMatchObject({ name: 'PoolBrokenError', death: { cause: 'spawn' } });
    const { mkdirSync } = await import('node:fs');
    mkdirSync(`${folder}/not-there`);
    await next(pool, 'recovered');
    await expectUsable(pool);
  });

  test('G11: idle workers killed by hand are charged: one more than the intensity breaks the pool', async () => {
    const pool = newPool({ size: 1, restart: { intensity: 2, probeMs: false, backoff: { initialMs: 1 } } });
    for (let round = 0; round < 3; round += 1) {
      await until('it is ready or broken', () => pool.workers().some((worker) => worker.state === 'idle'));
      const died = next(pool, 'workerDied');
      process.kill(pool.workers()[0]?.pid as number, 'SIGKILL');
      await died;
    }
    expect(pool.state).toBe('broken');
  });

  test('G19, C08, E04, I29: wrong options are refused at once, naming the option, the rule and the value', () => {
    expect(() => newPool({ size: 0 })).toThrow(/size.*>= 1.*0/);
    expect(() => newPool({ restart: { intensity: -1 } })).toThrow(/restart\.intensity/);
    expect(() => newPool({ siez: 1 } as never)).toThrow(/siez/);
  });
});

describe('H. stopped workers', () => {
  useKit();

  test('H06, H07, H08: a stopped worker is ended by kill, restart and terminate', async () => {
    const pool = newPool({ graceMs: 100, killLadder: [{ signal: 'SIGTERM', waitMs: 100 }] });
    const task = pool.run('spinForever');
    const { pid } = await task.started;
    process.kill(pid, 'SIGSTOP');
    await task.kill();
    expect(isRunning(pid)).toBe(false);
    await rejection(task);
    await pool.ready();
    const stopped = pool.workers()[0]?.pid as number;
    process.kill(stopped, 'SIGSTOP');
    await pool.restart();
    await pool.terminate();
    expect(isRunning(stopped)).toBe(false);
  });

  test('N05: the environment of the pool is there before any module loads, and PATH is not lost', async () => {
    const pool = newPool({ module: fixture('initialised.js'), env: { EVERPOOL_TEST: 'yes' } });
    expect(await pool.run('environment' as never)).toEqual({ test: 'yes', path: true });
    expect(readFileSync(new URL('../fixtures/initialised.js', import.meta.url), 'utf8')).toContain('EVERPOOL_TEST');
  });
});
