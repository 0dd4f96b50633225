/**
 * Tasks that were sent and do not start: behind one that is long, in a worker that spins in what an
 * earlier task left, in one that is stopped.
 */
import { join } from 'node:path';
import type { PoolOptions, Task } from 'everpool';
import { TaskTimeoutError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as HangsIdle from '../../fixtures/hangs-idle.js';
import { expectUsable, fixture, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

/** More than the control file of a worker has cells. */
const MANY = 3000;

describe('a task that was sent and does not start', () => {
  useKit();

  test('beside a long task: thousands of short tasks run', async () => {
    const pool = newPool({ size: 1, concurrency: 2, heartbeat: false });
    const long = pool.run('sleep', [600_000]);
    long.catch(() => undefined);
    await long.started;
    for (let round = 0; round < 3; round += 1) {
      const short = Array.from({ length: MANY }, (_, index) => pool.run('add', [index, 1]));
      expect((await Promise.all(short)).at(-1)).toBe(MANY);
    }
    expect(long.state).toBe('running');
    expect(long.attempts).toHaveLength(1);
    await long.cancel(); // its cell still belongs to it
    expect(long.state).toBe('cancelled');
    await expectUsable(pool, 1);
  });

  test('beside several long tasks: an abort reaches its own task and no other', async () => {
    const pool = newPool({ size: 1, concurrency: 8, heartbeat: false, graceMs: 60_000 });
    const long = Array.from({ length: 7 }, () => pool.run('untilAborted'));
    for (const task of long) task.catch(() => undefined);
    await Promise.all(long.map((task) => task.started));
    await Promise.all(Array.from({ length: MANY }, (_, index) => pool.run('add', [index, 1])));
    for (const task of long) {
      expect(task.state).toBe('running');
      await task.cancel();
      expect(task.state).toBe('cancelled');
      await Promise.all(Array.from({ length: 200 }, (_, index) => pool.run('add', [index, 1])));
    }
    expect(pool.stats().deaths).toBe(0);
  });

  test('behind a spinning task runs on another worker with a free place', async () => {
    const pool = newPool({ size: 2, concurrency: 2, heartbeat: false, graceMs: 60_000 });
    await pool.ready();
    const spinning = pool.run('spinUntilAborted');
    spinning.catch(() => undefined);
    await spinning.started;
    const file = join(newFolder(), 'starts');
    for (let round = 0; round < 5; round += 1) {
      const short = Array.from({ length: 6 }, (_, index) => pool.run('mark', [file, `${round}.${index}`]));
      await Promise.all(short); // the spinning task never ends by itself
    }
    expect(linesOf(file)).toHaveLength(30);
    expect(new Set(linesOf(file)).size).toBe(30);
    expect(spinning.state).toBe('running');
    await spinning.cancel();
    expect(pool.stats().deaths).toBe(0);
    await expectUsable(pool);
  });

  test('behind a spinning task, with no other worker, starts after it, and its time limit begins only then', async () => {
    const pool = newPool({ size: 1, concurrency: 2, heartbeat: false });
    const spinning = pool.run('spin', [1500]);
    await spinning.started;
    const short = pool.run('add', [1, 2], { timeoutMs: 400 });
    expect(await short).toBe(3);
    expect(await spinning).toBe(1500);
    expect(pool.stats().deaths).toBe(0);
  });

  test('goes to the least busy of several workers with free places', async () => {
    const pool = newPool({ size: 3, concurrency: 4, heartbeat: false });
    await pool.ready();
    const tasks: Task<unknown>[] = [];
    for (let index = 0; index < 9; index += 1) {
      tasks.push(pool.run('sleep', [600_000]));
      tasks.at(-1)?.catch(() => undefined);
      await tasks.at(-1)?.started;
    }
    expect(pool.workers().map(({ tasks: running }) => running.length)).toEqual([3, 3, 3]);
    await pool.killTasks();
  });

  const hanging = (options: PoolOptions = {}) =>
    newPool<typeof HangsIdle>({ module: fixture('hangs-idle.js'), size: 1, heartbeat: false, ...options });

  /** A pool whose only worker is idle and hangs. */
  async function hung(how: 'spinsAfterwards' | 'sleepsAfterwards', options?: PoolOptions) {
    const pool = hanging(options);
    const file = join(newFolder(), 'hangs');
    await pool.run(how, [file]);
    await until('it hangs', () => linesOf(file).length > 0);
    return pool;
  }

  test.each(['spinsAfterwards', 'sleepsAfterwards'] as const)(
    'sent to a hung idle worker (%s) times out by queueTimeoutMs, even without a heartbeat, and never starts',
    async (how) => {
      const pool = await hung(how);
      const file = join(newFolder(), 'starts');
      const from = performance.now();
      const tasks = [1, 2, 3].map((index) => pool.run('mark', [file, `${index}`], { queueTimeoutMs: 300 }));
      for (const task of tasks) {
        const error = await rejection(task);
        expect(error).toBeInstanceOf(TaskTimeoutError);
        expect(error).toMatchObject({ kind: 'queue' });
        expect(task.attempts).toEqual([]);
      }
      expect(performance.now() - from).toBeLessThan(10_000);
      const [worker] = pool.workers();
      await pool.killWorker(worker?.id as number);
      await expectUsable(pool as never, 1);
      expect(linesOf(file)).toEqual([]);
    },
  );

  test('sent to a stopped worker times out by queueTimeoutMs, and does not start when the worker goes on', async () => {
    const pool = hanging();
    const pid = await pool.run('pid');
    const file = join(newFolder(), 'starts');
    process.kill(pid, 'SIGSTOP');
    const task = pool.run('mark', [file, 'started'], { queueTimeoutMs: 200, timeoutMs: 60_000 });
    expect(await rejection(task)).toMatchObject({ kind: 'queue' });
    expect(task.state).toBe('failed');
    process.kill(pid, 'SIGCONT');
    expect(await pool.run('pid')).toBe(pid);
    expect(linesOf(file)).toEqual([]);
    await expectUsable(pool as never, 1);
  });

  test('that started in time is not ended by its queueTimeoutMs, whether it computes or waits', async () => {
    const pool = newPool({ size: 1 });
    await pool.ready();
    expect(await pool.run('spin', [600], { queueTimeoutMs: 200 })).toBe(600);
    expect(await pool.run('sleep', [600], { queueTimeoutMs: 200 })).toBe(600);
    expect(await rejection(pool.run('spin', [60_000], { queueTimeoutMs: 200, timeoutMs: 500 }))).toMatchObject({ kind: 'run' });
    await expectUsable(pool, 1);
  });

  test('sent to a hung idle worker runs once, on another with a free place', async () => {
    const pool = hanging({ size: 2 });
    await pool.ready();
    const file = join(newFolder(), 'hangs');
    const starts = join(newFolder(), 'starts');
    await pool.run('spinsAfterwards', [file]);
    await until('it hangs', () => linesOf(file).length > 0);
    for (let round = 0; round < 10; round += 1) await pool.run('mark', [starts, `${round}`]);
    expect(linesOf(starts)).toEqual(Array.from({ length: 10 }, (_, round) => `${round}`));
  });

  test('sent to a stopped worker, with a backlog behind it, runs on another worker before the backlog ends', async () => {
    const pool = hanging({ size: 2, pipelining: false });
    await pool.ready();
    const [stopped] = pool.workers();
    process.kill(stopped?.pid as number, 'SIGSTOP');
    const file = join(newFolder(), 'starts');
    const tasks = Array.from({ length: 40 }, (_, index) => pool.run('mark', [file, `${index}`, 10]));
    await Promise.all(tasks);
    const order = linesOf(file).map(Number);
    expect(order).toHaveLength(40);
    const held = order.findIndex((index, place) => index < 2 && place > 0);
    expect(held).toBeLessThan(30);
    process.kill(stopped?.pid as number, 'SIGCONT');
    await expectUsable(pool as never);
  });

  test('returns to the queue from a dead worker without the time limit that it had there', async () => {
    const pool = hanging({ heartbeat: { intervalMs: 50, timeoutMs: 300 } });
    const pid = await pool.run('pid');
    process.kill(pid, 'SIGSTOP');
    const sent = pool.run('add', [1, 2], { timeoutMs: 1000 });
    await until('it was sent', () => pool.workers().some(({ tasks }) => tasks.length > 0));
    // Its worker is killed by the heartbeat, and no other is given it for longer than its limit.
    pool.pause();
    await until('the worker is replaced', () => pool.workers().some((worker) => worker.pid !== pid && worker.state === 'idle'));
    const from = performance.now();
    await until('its limit is over', () => performance.now() - from > 1200);
    expect(sent.state).toBe('queued');
    pool.resume();
    expect(await sent).toBe(3);
  });

  test('of a worker that starts nothing runs on a replacement once the heartbeat ends that worker', async () => {
    const pool = await hung('spinsAfterwards', { heartbeat: { intervalMs: 50, timeoutMs: 400 } });
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(pool.stats().deaths).toBe(1);
  });
});
