/**
 * What a task gave or threw reaches its caller, whatever becomes of the worker; and every caller
 * hears of a death.
 */
import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { handlersOf } from '../../kit/handlers.js';
import { expectUsable, fixture, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('results and deaths', () => {
  useKit();

  test('a thrown error keeps its class and message, and its worker lives', async () => {
    const pool = newPool({ size: 1 });
    const pid = await pool.run('pid');
    const error = await rejection(pool.run('throws', ['text']));
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toBe('text');
    expect(await pool.run('pid')).toBe(pid);
  });

  test('anything thrown is delivered, errors or not', async () => {
    const pool = newPool({ module: fixture('throws-anything.js') });
    expect(await rejection(pool.run('throwText' as never))).toBe('just text');
    expect(await rejection(pool.run('throwNothing' as never))).toBe(undefined);
  });

  test('a result written in full wins over the death that follows it (G4)', async () => {
    const pool = newPool({ module: fixture('answers-then-dies.js'), size: 1 });
    for (let round = 0; round < 10; round += 1) expect(await pool.run('answerThenExit' as never, [round] as never)).toBe(round);
  });

  test('fifty short results arrive although a long task follows them in the same worker', async () => {
    const pool = newPool({ size: 1 });
    for (let index = 0; index < 50; index += 1) await pool.run('noop');
    const short = Array.from({ length: 50 }, () => pool.run('echo', [1]));
    const long = pool.run('spinForever');
    await Promise.all(short);
    await long.started;
    expect(long.state).toBe('running');
    await long.kill();
    await rejection(long);
  });

  test('three tasks that fail from one death get an error each', async () => {
    const pool = newPool({ size: 1, concurrency: 3 });
    const tasks = [pool.run('never'), pool.run('never'), pool.run('exitLater', [50, 1])];
    const errors = await Promise.all(tasks.map(rejection));
    expect(new Set(errors).size).toBe(3);
    expect(new Set(errors.map((error) => error['taskId'])).size).toBe(3);
  });

  test('every handler of a task hears of the death once, attached before it or after; a handler may submit', async () => {
    const pool = newPool();
    const settled: unknown[] = [];
    const died: unknown[] = [];
    pool.on('taskSettled', (event) => settled.push(event));
    pool.on('workerDied', (event) => died.push(event));
    const task = pool.run('exitLater', [50, 9]);
    const next = task.catch(() => pool.run('add', [1, 2]));
    const early = await handlersOf(task);
    const late = await handlersOf(task);
    const error = early.byCatch[0];
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error).toMatchObject({ death: { exitCode: 9, pid: task.attempts[0]?.pid } });
    expect(await next).toBe(3);
    await expectUsable(pool);
    for (const heard of [early, late]) expect(heard).toEqual({ byThen: [error], byCatch: [error], byFinally: [undefined, error] });
    expect(settled.filter((event) => (event as { taskId: number }).taskId === task.id)).toMatchObject([{ outcome: 'failed', attempts: 1 }]);
    expect(died).toMatchObject([{ orphans: [task.id], death: { exitCode: 9 } }]);
  });

  test.each([
    [6, 1, 5],
    [1, 6, 1],
  ])(
    'of %i workers with up to %i tasks, the %i that hold results pending in five ways are killed: all five settle',
    async (size, concurrency, victims) => {
      const pool = newPool({ size, concurrency });
      const items = [600_000, 1];
      const run = pool.run('sleep', [600_000]);
      const awaited = pool.map('sleep', items);
      const iterated = pool.map('sleep', items)[Symbol.asyncIterator]();
      const settled = pool.map('sleep', items);
      const outcomes = pool.map('sleep', items).outcomes()[Symbol.asyncIterator]();
      const all = Promise.all([
        rejection(run),
        rejection(awaited),
        rejection(iterated.next()),
        settled.settled(),
        outcomes.next().then(({ value }) => value),
      ]);
      // The short item of each batch is done, and its long one keeps each waiting. What was only
      // sent when its worker dies is sent again, so their workers must have said that they have
      // started.
      const started = (): unknown[] => pool.workers().flatMap(({ tasks }) => tasks.filter(({ runningMs }) => runningMs > 0));
      await until('five run', () => pool.stats().succeeded === 4 && started().length === 5);
      const pids = pool.workers().flatMap(({ pid, tasks }) => (pid === undefined || tasks.length === 0 ? [] : pid));
      expect(pids).toHaveLength(victims);
      for (const pid of pids) process.kill(pid, 'SIGKILL');

      const death = expect.objectContaining({ code: 'ERR_EVERPOOL_WORKER_DIED', death: expect.objectContaining({ signal: 'SIGKILL' }) });
      const failed = { status: 'rejected', reason: death };
      const answers = await all;
      expect(answers.slice(0, 3)).toEqual([death, death, death]);
      expect(answers[3]).toEqual([failed, { status: 'fulfilled', value: 1 }]);
      expect(answers[4]).toEqual({ index: 0, ...failed });
      expect(await iterated.next()).toEqual({ done: true, value: undefined });
      expect(await outcomes.next()).toEqual({ done: false, value: { index: 1, status: 'fulfilled', value: 1 } });
      expect(await outcomes.next()).toEqual({ done: true, value: undefined });
      expect(pool.stats()).toMatchObject({ running: 0, queued: 0, failed: 5 });
      await expectUsable(pool, size);
    },
  );
});
