import { readFileSync } from 'node:fs';
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('A. a worker dies while a task runs', () => {
  useKit();

  test.each([
    ['A01', 'signalSelf', ['SIGSEGV'], null, 'SIGSEGV'],
    ['A02', 'exit', [1], 1, null],
    ['A07', 'signalSelf', ['SIGTERM'], null, 'SIGTERM'],
    ['A10', 'exit', [42], 42, null],
    ['A12', 'exit', [0], 0, null],
    ['A22', 'exit', [123], 123, null],
  ] as const)('%s: %s%j ends only that task, and the pool goes on', async (_number, name, args, exitCode, signal) => {
    const pool = newPool();
    const error = await rejection(pool.run(name, args as never));
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error).toMatchObject({
      code: 'ERR_EVERPOOL_WORKER_DIED',
      taskName: name,
      death: { exitCode, signal, phase: 'task', requested: false },
    });
    expect(error.message).toContain(exitCode === null ? String(signal) : `code ${exitCode}`);
    expect(error['attempts']).toHaveLength(1);
    await expectUsable(pool);
  });

  test('A03: a thrown error keeps its class and message, and its worker lives', async () => {
    const pool = newPool({ size: 1 });
    const pid = await pool.run('pid');
    const error = await rejection(pool.run('throws', ['text']));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe('text');
    expect(await pool.run('pid')).toBe(pid);
  });

  test('A04: close first, then the task crashes: close returns and the task rejects', async () => {
    const pool = newPool();
    const task = pool.run('exitLater', [100, 5]);
    const error = rejection(task);
    await pool.close();
    expect(await error).toMatchObject({ death: { exitCode: 5 } });
  });

  test('A05: workers that die while they receive big arguments harm only their own tasks', async () => {
    const pool = newPool({ restart: { intensity: 100 } });
    await pool.ready();
    const big = Buffer.alloc(4 << 20, 1);
    const tasks = Array.from({ length: 10 }, () => pool.run('signalSelf', ['SIGKILL', big] as never));
    const errors = await Promise.all(tasks.map(rejection));
    for (const error of errors) expect(error).toBeInstanceOf(WorkerDiedError);
    await expectUsable(pool);
  });

  test('A08: three tasks that fail from one death get an error each', async () => {
    const pool = newPool({ size: 1, concurrency: 3 });
    const tasks = [pool.run('never'), pool.run('never'), pool.run('exitLater', [50, 1])];
    const errors = await Promise.all(tasks.map(rejection));
    expect(new Set(errors).size).toBe(3);
    expect(new Set(errors.map((error) => error['taskId'])).size).toBe(3);
  });

  test('A09, A21: the error names the pid and the exit code', async () => {
    const pool = newPool({ size: 1 });
    const pid = await pool.run('pid');
    const error = await rejection(pool.run('exit', [99]));
    expect(error.message).toContain(String(pid));
    expect(error.message).toContain('99');
    expect(error['death']).toMatchObject({ pid, exitCode: 99 });
  });

  test('A11, A37: a worker killed from outside: the signal is named, and SIGKILL hints at memory', async () => {
    const pool = newPool();
    const task = pool.run('never');
    const { pid } = await task.started;
    process.kill(pid, 'SIGKILL');
    const error = await rejection(task);
    expect(error).toMatchObject({ death: { signal: 'SIGKILL', requested: false, pid } });
    expect(error.message).toMatch(/memory/);
    await expectUsable(pool);
  });

  test('A15, A19: a worker is killed while a resize is under way', async () => {
    const pool = newPool({ size: 1 });
    const task = pool.run('never');
    const { pid } = await task.started;
    pool.resize(3);
    process.kill(pid, 'SIGKILL');
    await rejection(task);
    await expectUsable(pool, 3);
  });

  test('A26: a task that fails does not harm the next one on the same worker', async () => {
    const pool = newPool({ size: 1 });
    const failing = rejection(pool.run('throws'));
    expect(await pool.run('add', [1, 2])).toBe(3);
    expect(await failing).toBeInstanceOf(RangeError);
  });

  test('A27: anything thrown is delivered, also what is no error', async () => {
    const pool = newPool({ module: fixture('throws-anything.js') });
    expect(await rejection(pool.run('throwText' as never))).toBe('just text');
    expect(await rejection(pool.run('throwNothing' as never))).toBe(undefined);
  });

  test('A28: a result that was written in full wins over the death that follows it', async () => {
    const pool = newPool({ module: fixture('answers-then-dies.js'), size: 1 });
    for (let round = 0; round < 10; round += 1) expect(await pool.run('answerThenExit' as never, [round] as never)).toBe(round);
  });

  test('A29: an end by request is another error than a death', async () => {
    const pool = newPool();
    const task = pool.run('spinForever');
    await task.started;
    await task.kill();
    expect(await rejection(task)).toMatchObject({ code: 'ERR_EVERPOOL_CANCELLED', forced: true });
    await expectUsable(pool);
  });

  test('A31: a sum over many tasks stays exact when workers exit in the middle', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 256 }, (_, index) => pool.run('echo', [index], { retries: 100 }));
    const killer = [0, 1].map(() => rejection(pool.run('exit', [1])));
    const values = (await Promise.all(tasks)) as number[];
    await Promise.all(killer);
    expect(values.reduce((sum, value) => sum + value, 0)).toBe((255 * 256) / 2);
  });

  test('A32, A34, A35: the worker dies with a waiting caller: the new one serves it', async () => {
    const pool = newPool({ size: 1 });
    const first = pool.run('never');
    const second = pool.run('add', [1, 1]);
    process.kill((await first.started).pid, 'SIGKILL');
    await rejection(first);
    expect(await second).toBe(2);
  });

  test('A33: of an elastic pool the minimum is replaced, the overflow is not', async () => {
    const pool = newPool({ size: { min: 1, max: 3 } });
    const tasks = [pool.run('never'), pool.run('never'), pool.run('never')];
    const started = await Promise.all(tasks.map((task) => task.started));
    expect(pool.workers()).toHaveLength(3);
    for (const { pid } of started) process.kill(pid, 'SIGKILL');
    await Promise.all(tasks.map(rejection));
    await until('one worker is ready', () => pool.workers().filter((worker) => worker.state === 'idle').length === 1);
    expect(pool.stats().size).toBe(1);
  });

  test('A39: all workers are killed from outside: all come back with new pids', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const before = pool.workers().map((worker) => worker.pid as number);
    for (const pid of before) process.kill(pid, 'SIGTERM');
    await until('all are gone', () => before.every((pid) => !isRunning(pid)));
    await until('three new ones are ready', () => {
      const idle = pool.workers().filter((worker) => worker.state === 'idle');
      return idle.length === 3 && idle.every((worker) => !before.includes(worker.pid as number));
    });
    await expectUsable(pool, 3);
  });

  test('a grandchild is ended with its worker', async () => {
    const pool = newPool();
    const file = `${newFolder()}/pid`;
    const task = pool.run('withGrandchild', [file]);
    await task.started;
    await until('the grandchild runs', () => readPid(file) > 0 && isRunning(readPid(file)));
    await task.kill();
    expect(isRunning(readPid(file))).toBe(false);
    await rejection(task);
  });
});

function readPid(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}
