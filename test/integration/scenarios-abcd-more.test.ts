import { type Pool, SerializationError, type Task, TaskCancelledError, WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, newPool, rejection, type TestTasks, until, useKit } from '../kit.js';

describe('A. a worker dies while a task runs', () => {
  useKit();

  test('A13: a segmentation fault is named', async () => {
    const pool = newPool();
    const error = await rejection(pool.run('signalSelf', ['SIGSEGV']));
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error.message).toContain('SIGSEGV');
    expect(error).toMatchObject({ death: { cause: 'signal', signal: 'SIGSEGV', exitCode: null, phase: 'task', requested: false } });
    await expectUsable(pool);
  });

  test('A23: callbacks hear of the death: catch, finally, and the rejection handler of then', async () => {
    const pool = newPool();
    const task = pool.run('exit', [9]);
    const heard: unknown[] = [];
    await Promise.all([
      task.catch((error) => heard.push(error)),
      task.then(
        () => heard.push('resolved'),
        (error) => heard.push(error),
      ),
      task.finally(() => heard.push('finally')).catch(() => undefined),
    ]);
    expect(heard).toHaveLength(3);
    expect(heard.filter((each) => each instanceof WorkerDiedError && each.death.exitCode === 9)).toHaveLength(2);
    expect(heard).toContain('finally');
  });

  test('A24: a worker dies in the middle of the traffic of all: the others go on, nothing is wedged', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const text = 'x'.repeat(200_000);
    for (let round = 0; round < 10; round += 1) {
      const tasks = Array.from({ length: 60 }, () => pool.run('echo', [text], { retries: 5 }));
      // Somewhere between its reading of an argument and its writing of a result.
      const victim = pool.workers().find((worker) => worker.tasks.length > 0) ?? pool.workers()[0];
      await new Promise((resolve) => setImmediate(resolve));
      if (victim?.pid !== undefined && isRunning(victim.pid)) process.kill(victim.pid, 'SIGKILL');
      for (const value of await Promise.all(tasks)) expect(value).toBe(text);
    }
    await expectUsable(pool, 3);
  });

  test('A40: exit(0) with no retries allowed is one start, one attempt, one failure', async () => {
    const pool = newPool();
    const task = pool.run('exit', [0], { retries: 0 });
    const error = await rejection(task);
    expect(error).toMatchObject({ death: { exitCode: 0 }, attempts: [{ number: 1, outcome: 'orphaned' }] });
    expect(task.attempts).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ submitted: 1, failed: 1, retried: 0, deaths: 1 });
  });

  test('A41: no way of waiting for a result hangs when the worker is killed', async () => {
    const items = [60_000, 60_000, 60_000];
    const take = async (source: AsyncIterable<unknown>): Promise<unknown[]> => {
      const taken: unknown[] = [];
      for await (const value of source) taken.push(value);
      return taken;
    };
    const ways: Record<string, (pool: Pool<TestTasks>) => Promise<unknown>> = {
      run: (pool) => rejection(pool.run('sleep', [60_000])),
      'map, awaited': (pool) => rejection(pool.map('sleep', items)),
      'map, iterated': (pool) => rejection(take(pool.map('sleep', items))),
      'settled()': (pool) => pool.map('sleep', items).settled(),
      'outcomes()': (pool) => take(pool.map('sleep', items).outcomes()),
    };
    for (const [name, wait] of Object.entries(ways)) {
      const pool = newPool({ size: 3 });
      await pool.ready();
      let outcome: unknown;
      const waiting = wait(pool).then((value) => {
        outcome = value;
      });
      const wanted = name === 'run' ? 1 : 3;
      await until(
        `${name} runs`,
        () => pool.workers().filter((worker) => worker.tasks.some((task) => task.runningMs > 0)).length === wanted,
      );
      for (const { pid } of pool.workers()) process.kill(pid as number, 'SIGKILL');
      await waiting;
      if (Array.isArray(outcome)) {
        expect(outcome).toHaveLength(3);
        for (const each of outcome) expect((each as PromiseRejectedResult).reason).toBeInstanceOf(WorkerDiedError);
      } else expect(outcome).toBeInstanceOf(WorkerDiedError);
      await expectUsable(pool, 3);
    }
  });
});

describe('B. serialization', () => {
  useKit();

  test('B04, B16: arguments whose decoding throws reject with that error, and the worker lives', async () => {
    // What is hard to decode is refused before it is sent, or decodes; so a frame is spoilt on its way.
    const pool = newPool({ module: fixture('odd-values.js'), size: 1 });
    const pid = await pool.run('pid' as never);
    const { spoilArguments } = await import('../spoil.js');
    const error = await rejection(spoilArguments(() => pool.run('pid' as never)));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ side: 'arguments' });
    expect(error.message).toContain('could not be decoded in the worker');
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.message).toContain((error.cause as Error).message);
    expect(await pool.run('pid' as never)).toBe(pid);
  });

  test('B07: a crash while the result is encoded is named', async () => {
    const pool = newPool({ module: fixture('odd-values.js'), size: 1 });
    const error = await rejection(pool.run('resultThatCrashes' as never));
    expect(error).toMatchObject({ death: { signal: 'SIGSEGV', phase: 'task' } });
    expect(await pool.run('pid' as never)).toBeGreaterThan(0);
  });

  test.each([
    ['a result', 33, 'result'],
    ['an error', 34, 'error'],
  ] as const)('B11: %s that cannot be decoded here rejects its task; pool and worker go on', async (_what, type, side) => {
    const pool = newPool({ module: fixture('writes-frames.js'), size: 1 });
    const pid = await pool.run('pid' as never);
    const error = await rejection(pool.run('unreadableResult' as never, [2, type] as never));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ side });
    expect(error.cause).toBeInstanceOf(SyntaxError);
    expect(pool.state).toBe('open');
    expect(await pool.run('pid' as never)).toBe(pid);
  });
});

describe('C. timeouts, D. cancel: what callbacks hear', () => {
  useKit();

  test('C02: a callback hears of the timeout', async () => {
    const pool = newPool({ killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const heard = await pool.run('never', [], { timeoutMs: 50 }).then(
      () => 'resolved',
      (error: Error) => error.name,
    );
    expect(heard).toBe('TaskTimeoutError');
  });

  test('C06: the limit is for each item, also where items travel together', async () => {
    const pool = newPool();
    const values = await pool.map('sleep', Array(20).fill(50) as number[], { chunkSize: 5, timeoutMs: 3000 });
    expect(values).toHaveLength(20);
  });

  test('C09: who waits only so long does not harm the task', async () => {
    const pool = newPool();
    const task = pool.run('sleep', [300, 'done']);
    await task.started;
    const limit = new Promise((_resolve, reject) => setTimeout(reject, 20, new Error('waited long enough')));
    await expect(Promise.race([task, limit])).rejects.toThrow('waited long enough');
    expect(task.state).toBe('running');
    expect(await task).toBe('done');
  });

  test('C10: what ended in time is delivered, then the one that did not', async () => {
    const pool = newPool({ size: 3 });
    await pool.ready();
    const delivered: unknown[] = [];
    const error = await rejection(
      (async () => {
        for await (const value of pool.map('sleep', [0, 1, 60_000], { timeoutMs: 1000 })) delivered.push(value);
      })(),
    );
    expect(delivered).toEqual([0, 1]);
    expect(error.name).toBe('TaskTimeoutError');
  });

  test('C11: a wait that is over at once tells the state that each task is in', async () => {
    const pool = newPool({ size: 1 });
    const done = pool.run('add', [1, 2]);
    await done;
    const failed = pool.run('throws');
    await rejection(failed);
    const running = pool.run('never');
    await running.started;
    const queued = pool.run('noop');
    const cancelled = pool.run('noop');
    await cancelled.cancel();
    const now = (task: Task<unknown>): Promise<unknown> =>
      Promise.race([task.catch((error: Error) => error.name), new Promise((resolve) => setImmediate(resolve, 'pending'))]);
    expect(await Promise.all([queued, running, cancelled, failed, done].map(now))).toEqual([
      'pending',
      'pending',
      'TaskCancelledError',
      'RangeError',
      3,
    ]);
  });

  test('C20: one stuck task of a thousand: a placeholder for that one, the rest finish', async () => {
    const pool = newPool({ killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const items = Array.from({ length: 1000 }, (_, index) => (index === 500 ? 600_000 : 0));
    const values = (await pool.map('sleep', items, { timeoutMs: 2000, bufferSize: 100 }).settled()).map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value : 'stuck',
    );
    expect(values).toHaveLength(1000);
    expect(values[500]).toBe('stuck');
    expect(values.filter((value) => value === 0)).toHaveLength(999);
  });

  test('D02: a callback hears of the cancel, with the reason', async () => {
    const pool = newPool();
    const task = pool.run('untilAborted');
    const heard = task.then(
      () => 'resolved',
      (error: unknown) => error,
    );
    await task.started;
    await task.cancel('enough');
    expect(await heard).toBeInstanceOf(TaskCancelledError);
    expect(await heard).toMatchObject({ reason: 'enough', forced: false });
  });

  test('D15: the cancel of a batch cancels what runs and what waits, and resolves when none of it runs', async () => {
    const pool = newPool({ graceMs: 20, killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }] });
    const batch = pool.map('never', Array(10).fill(undefined), { chunkSize: 2 });
    const settled = batch.settled();
    await until('two of them run', () => pool.stats().running === 2);
    const pids = pool.workers().map((worker) => worker.pid as number);
    await batch.cancel();
    expect(pool.stats()).toMatchObject({ queued: 0, running: 0, waiting: 0 });
    expect(pids.some(isRunning)).toBe(false);
    for (const outcome of await settled) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool);
  });
});
