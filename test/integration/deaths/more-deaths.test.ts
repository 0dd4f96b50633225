import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as ManyWays from '../../fixtures/ends-in-many-ways.js';
import type * as Talks from '../../fixtures/talks-without-end.js';
import { handlersOf } from '../../kit/handlers.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, rejection, until, useKit } from '../../kit/pools.js';

describe('A. a worker dies while a task runs, continued', () => {
  useKit();

  test('A13: a task that crashes with SIGSEGV, and one whose worker is sent it while it spins, reject naming the signal and the pid', async () => {
    const pool = newPool();
    const other = pool.run('sleep', [300, 'unharmed']);
    const own = await rejection(pool.run('signalSelf', ['SIGSEGV']));
    const spinning = pool.run('spinForever');
    const { pid, workerId } = await spinning.started;
    process.kill(pid, 'SIGSEGV');
    const sent = await rejection(spinning);
    for (const error of [own, sent]) {
      expect(error).toBeInstanceOf(WorkerDiedError);
      expect(error).toMatchObject({ death: { cause: 'signal', signal: 'SIGSEGV', exitCode: null, phase: 'task', requested: false } });
      expect(error.message).toContain('SIGSEGV');
    }
    expect(sent['death']).toMatchObject({ pid });
    expect(sent.message).toContain(String(pid));
    expect(sent['attempts']).toMatchObject([{ number: 1, pid, workerId, outcome: 'orphaned' }]);
    expect(isRunning(pid)).toBe(false);
    expect(await other).toBe('unharmed');
    expect(pool.stats().deaths).toBe(2);
    await expectUsable(pool);
  });

  test('A23: every handler of a task hears of the death of its worker once, attached before it or after; a handler may submit', async () => {
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

  test('A24: workers that die in the middle of a message, ten times, leave those that talk meanwhile alone', async () => {
    const pool = newPool<typeof Talks>({ module: fixture('talks-without-end.js') });
    const text = 'x'.repeat(100_000);
    for (let round = 0; round < 10; round += 1) {
      let heard = 0;
      const talking = pool.run('talk', [text], {
        onProgress: (value) => {
          if (value !== text) throw new Error('a message was mixed up');
          heard += 1;
        },
      });
      const gone = rejection(talking);
      const { pid } = await talking.started;
      const sent = Array.from({ length: 20 }, (_, index) => Buffer.alloc(200_000, round * 20 + index));
      const back = Promise.all(sent.map((bytes) => pool.run('echo', [bytes])));
      await until('it talks', () => heard > round);
      process.kill(pid, 'SIGKILL');
      expect(await gone).toMatchObject({ death: { signal: 'SIGKILL', phase: 'task' } });
      expect((await back).every((bytes, index) => sent[index]?.equals(bytes as Buffer))).toBe(true);
    }
    expect(pool.stats()).toMatchObject({ deaths: 10, failed: 10, retried: 0 });
    await expectUsable(pool as never);
  });

  test('A24: a worker that stops in the middle of what it is sent, and is killed there, keeps nobody waiting', async () => {
    const pool = newPool();
    await pool.ready();
    const stopped = pool.workers()[0]?.pid as number;
    process.kill(stopped, 'SIGSTOP');
    const sent = [1, 2].map((fill) => Buffer.alloc(32 << 20, fill));
    const tasks = sent.map((bytes) => pool.run('echo', [bytes]));
    await Promise.race(tasks); // one of the two went to the worker that runs
    const states = tasks.map(({ state }) => state).sort();
    for (let index = 0; index < 50; index += 1) expect(await pool.run('add', [index, 1])).toBe(index + 1);
    expect(states).toEqual(['queued', 'succeeded']);
    process.kill(stopped, 'SIGKILL');
    const back = (await Promise.all(tasks)) as Buffer[];
    expect(back.every((bytes, index) => sent[index]?.equals(bytes))).toBe(true);
    for (const task of tasks) expect(task.attempts).toMatchObject([{ number: 1, outcome: 'ok' }]);
    await expectUsable(pool);
  });

  test('A40: exit(0) in a task with no retries allowed is counted as one attempt and one death', async () => {
    const pool = newPool<typeof ManyWays>({ module: fixture('ends-in-many-ways.js') });
    const file = `${newFolder()}/marks`;
    const order = { file, line: 'started', how: 'exit', code: 0 };
    const task = pool.run('act', [order], { retries: 0 });
    expect(await rejection(task)).toMatchObject({
      code: 'ERR_EVERPOOL_WORKER_DIED',
      death: { cause: 'exit', exitCode: 0, signal: null, phase: 'task', requested: false },
      attempts: [{ number: 1, outcome: 'orphaned' }],
    });
    expect(task.attempts).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ submitted: 1, failed: 1, retried: 0, deaths: 1 });
    expect(linesOf(file)).toHaveLength(1);

    const allowed = pool.run('act', [order], { retries: 2 });
    expect(await rejection(allowed)).toMatchObject({ attempts: [{ number: 1 }, { number: 2 }, { number: 3 }] });
    expect(pool.stats()).toMatchObject({ submitted: 2, failed: 2, retried: 2, deaths: 4 });
    await expectUsable(pool as never);
    expect(linesOf(file)).toEqual(['started 1', 'started 1', 'started 2', 'started 3']);
  });

  test.each([
    [6, 1, 5],
    [1, 6, 1],
  ])(
    'A41: of %i workers with up to %i tasks, the %i that hold results pending in five ways are killed: all five come',
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
      // The short item of each batch is done, and its long one keeps each waiting.
      // What was only sent when its worker dies is sent again, so their workers must have said that they have started.
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
