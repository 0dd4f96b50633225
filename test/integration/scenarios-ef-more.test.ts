import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PoolClosedError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, rejection, until, useKit } from '../kit/pools.js';

function program(name: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [new URL(`../fixtures/${name}`, import.meta.url).pathname, ...args], { stdio: 'ignore', detached: true });
}

/** The program runs, with at least `count` processes that noted their pids. */
async function started(folder: string, count: number): Promise<number[]> {
  await until('the program is ready', () => linesOf(`${folder}/ready`).length > 0);
  const pids = linesOf(`${folder}/pids`).map(Number);
  expect(pids.length).toBeGreaterThanOrEqual(count);
  expect(pids.every(isRunning)).toBe(true);
  return pids;
}

describe('E. close, terminate, shutdown', () => {
  useKit();

  test('E18: closed with a full queue while workers leave: it returns, and everything has settled', async () => {
    const pool = newPool({ size: 3, queueLimit: 50, recycle: { afterTasks: 2 } });
    const tasks = Array.from({ length: 60 }, () => pool.run('sleep', [1]));
    const outcomes = Promise.allSettled(tasks);
    await pool.close();
    const refused = (await outcomes).filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of refused) expect((reason as Error).name).toBe('QueueFullError');
    expect(pool.stats()).toMatchObject({ succeeded: 60 - refused.length, failed: 0, cancelled: 0 });
  });

  test('E27: killed with a hundred short and a hundred long tasks: the late ones reject at once', async () => {
    const pool = newPool();
    const short = Array.from({ length: 100 }, () => pool.run('noop'));
    const long = Array.from({ length: 100 }, () => pool.run('sleep', [60_000]));
    const outcomes = Promise.allSettled(long);
    await Promise.all(short);
    await pool.kill();
    for (const outcome of await outcomes) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
  });

  test('E28: a pool is killed with a task of hours, and another with other options takes its place', async () => {
    const old = newPool();
    const task = old.run('sleep', [10_000_000]);
    const error = rejection(task);
    await task.started;
    const [, fresh] = await Promise.all([old.kill(), Promise.resolve(newPool({ size: 1, env: { EVERPOOL_TEST: 'new' } }))]);
    expect(await error).toBeInstanceOf(TaskCancelledError);
    await expectUsable(fresh, 1);
  });

  test('E30: workers leave after a millisecond without work, while big results are encoded and the pool closes', async () => {
    for (let round = 0; round < 5; round += 1) {
      const pool = newPool({ size: { min: 0, max: 2 }, idleTimeoutMs: 1 });
      const big = Array.from({ length: 200_000 }, (_, index) => ({ index }));
      const task = pool.run('echo', [big]);
      const closed = pool.close();
      expect(await task).toHaveLength(200_000);
      await closed;
    }
  });

  test('E31: close finishes everything, terminate rejects what is left; both end closed', async () => {
    const closing = newPool();
    const all = Array.from({ length: 20 }, () => closing.run('sleep', [20]));
    await closing.close();
    expect((await Promise.allSettled(all)).every((outcome) => outcome.status === 'fulfilled')).toBe(true);
    const stopping = newPool({ graceMs: 20, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const some = Array.from({ length: 20 }, () => stopping.run('sleep', [200]));
    const outcomes = Promise.allSettled(some);
    await some[0]?.started;
    await stopping.terminate();
    expect((await outcomes).filter((outcome) => outcome.status === 'rejected').length).toBeGreaterThan(10);
    for (const pool of [closing, stopping]) {
      expect(pool.state).toBe('closed');
      expect(pool.workers()).toEqual([]);
      expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolClosedError);
    }
  });

  test('E32: to wait for a pool that runs is no error: idle() waits for its tasks, and it goes on', async () => {
    const pool = newPool();
    const task = pool.run('sleep', [100]);
    await pool.idle();
    expect(task.state).toBe('succeeded');
    expect(pool.state).toBe('open');
    await expectUsable(pool);
  });

  test.each([
    ['without a handler', 'leaves', { code: null, signal: 'SIGTERM' }],
    ['with a handler that terminates its pool', 'closes', { code: 3, signal: null }],
  ] as const)('E48: SIGTERM to a program %s: its own way to end, and nothing is left of the pool', async (_what, how, exit) => {
    const folder = newFolder();
    const child = program('program-with-handlers.js', folder, how);
    const pids = await started(folder, 4);
    child.kill('SIGTERM');
    const [code, signal] = await once(child, 'exit');
    expect({ code, signal }).toEqual(exit);
    await until('its processes are gone', () => !pids.some(isRunning));
  });

  test('E50: SIGINT twice to a program, as from a terminal: no child of a task is left', async () => {
    const folder = newFolder();
    const child = program('program-with-handlers.js', folder, 'leaves');
    const pids = await started(folder, 4);
    const gone = once(child, 'exit');
    for (let time = 0; time < 2; time += 1) {
      try {
        process.kill(-(child.pid as number), 'SIGINT'); // its whole foreground group
      } catch {
        // The first was enough.
      }
    }
    await gone;
    await until('its processes are gone', () => !pids.some(isRunning));
  });
});

describe('F. parent death, orphans, descendants', () => {
  useKit();

  test('F02: the parent exits on its own, with a task asleep: its worker is gone before the task would have ended', async () => {
    const folder = newFolder();
    const child = program('program-with-workers.js', folder, 'awaiting');
    const pids = await started(folder, 4);
    child.kill('SIGHUP');
    await once(child, 'exit');
    await until('its processes are gone', () => !pids.some(isRunning));
  });

  test('F03: five nested processes under a task: a kill of the task ends all of them', async () => {
    const pool = newPool({ module: fixture('starts-others.js') });
    const file = `${newFolder()}/pids`;
    const task = pool.run('nest' as never, [file] as never);
    const error = rejection(task);
    await until('five of them run', () => linesOf(file).length === 5);
    const pids = linesOf(file).map(Number);
    await until('each runs', () => pids.every(isRunning));
    await task.kill();
    expect(pids.some(isRunning)).toBe(false);
    expect(await error).toBeInstanceOf(TaskCancelledError);
  });

  test('F05: a pool in a worker with idle workers of its own does not keep the outer one from closing', async () => {
    const pool = newPool({ module: fixture('starts-others.js'), size: 1, graceMs: 60_000 });
    const file = `${newFolder()}/pids`;
    await pool.run('leavePool' as never, [file] as never);
    const inner = linesOf(file).map(Number);
    expect(inner.length).toBeGreaterThan(0);
    await pool.close();
    await until('the inner workers are gone', () => !inner.some(isRunning));
  });

  test('F06, F07: a task starts a process, a thread and a pool; all work, and nothing is left', async () => {
    const pool = newPool({ module: fixture('starts-others.js') });
    const file = `${newFolder()}/pids`;
    expect(await pool.run('startProcess' as never)).toBe('42');
    expect(await pool.run('startThread' as never)).toBe(42);
    expect(await pool.run('startPool' as never, [file] as never)).toBe(4);
    await until('its workers are gone', () => !linesOf(file).map(Number).some(isRunning));
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL'] as const)(
    'F09: %s to the parent, tasks with children: those are ended too',
    async (signal) => {
      const folder = newFolder();
      const child = program('program-with-workers.js', folder, 'spinning');
      const pids = await started(folder, 4);
      child.kill(signal);
      child.kill(signal);
      await once(child, 'exit');
      await until('its processes are gone', () => !pids.some(isRunning));
    },
  );
});
