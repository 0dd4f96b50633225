import { WorkerDiedError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, linesOf, newFolder, newPool, rejection, until, useKit } from '../kit/pools.js';

describe('O. what no Node pool holds', () => {
  useKit();

  test('O01: ten tasks queued behind one whose worker is SIGKILLed run without another call', async () => {
    const pool = newPool({ size: 1 });
    const first = pool.run('never');
    const queued = Array.from({ length: 10 }, (_, index) => pool.run('echo', [index]));
    const error = rejection(first);
    process.kill((await first.started).pid, 'SIGKILL');
    expect(await Promise.all(queued)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await error).toBeInstanceOf(WorkerDiedError);
  });

  test('O07: spinning, awaiting and SIGTERM-immune workers are ended by killTasks, and the pool goes on', async () => {
    const pool = newPool({ size: 3, killLadder: [{ signal: 'SIGTERM', waitMs: 200 }] });
    const tasks = [pool.run('spinForever'), pool.run('never'), pool.run('ignoreSigterm')];
    await Promise.all(tasks.map((task) => task.started));
    expect(await pool.killTasks()).toBe(3);
    await Promise.all(tasks.map(rejection));
    await expectUsable(pool, 3);
  });

  test('killWorker: its task is an orphan, the others are not touched, and a replacement is started', async () => {
    const pool = newPool();
    const victim = pool.run('never');
    const other = pool.run('sleep', [300]);
    const error = rejection(victim);
    const { workerId } = await victim.started;
    await pool.killWorker(workerId);
    expect(await error).toMatchObject({ name: 'WorkerDiedError', death: { requested: true } });
    expect(await other).toBe(300);
    await expectUsable(pool);
    expect(await rejection(pool.killWorker(999))).toMatchObject({ code: 'ERR_EVERPOOL_OPTIONS' });
  });

  test('O11, O12: cancel A, at once run B on the same worker: B is never hurt, nor credited with a late reply', async () => {
    const pool = newPool({ size: 1, graceMs: 20 });
    for (let round = 0; round < 30; round += 1) {
      const a = pool.run('spin', [round % 10]);
      await a.started;
      const cancelled = a.cancel();
      const b = pool.run('echo', [`b${round}`]);
      expect(await b).toBe(`b${round}`);
      await cancelled;
      await Promise.allSettled([a]);
    }
  });

  test.each([
    ['process.exit(3)', 'exit', [3], { exitCode: 3 }],
    ['process.abort()', 'abort', [], { signal: 'SIGABRT' }],
    ['an uncaught exception', 'uncaught', [], { exitCode: 1 }],
    ['an unhandled rejection', 'unhandled', [], { exitCode: 1 }],
    ['an exhausted heap', 'exhaustHeap', [], { cause: 'memory' }],
  ] as const)('O13: %s in a task rejects it with its own death, and the pool goes on', async (_what, name, args, death) => {
    const pool = newPool({ module: fixture('ways-to-die.js'), execArgv: ['--max-old-space-size=64'] });
    const error = await rejection(pool.run(name as never, args as never));
    expect(error).toBeInstanceOf(WorkerDiedError);
    expect(error).toMatchObject({ death: { phase: 'task', requested: false, ...death } });
    if (name === 'uncaught' || name === 'unhandled') expect(error.message).toContain('nobody catches');
    expect(await pool.run('noop' as never)).toBe(1);
  });

  test('garbage on the channel ends that worker alone, as a protocol death', async () => {
    const pool = newPool({ module: fixture('ways-to-die.js') });
    expect(await rejection(pool.run('garbage' as never))).toMatchObject({ death: { cause: 'protocol' } });
    expect(await rejection(pool.run('closeChannel' as never))).toMatchObject({ death: { cause: 'disconnect' } });
    expect(await pool.run('noop' as never)).toBe(1);
  });

  test('O15: fifty short results reach their callers though a long task follows them in the same worker', async () => {
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

  test('G11: what was sent ahead of a task that turns out long is given to another worker', async () => {
    const pool = newPool({ module: fixture('sometimes-long.js') });
    for (let index = 0; index < 100; index += 1) await pool.run('work' as never, [0] as never);
    const hostages = [pool.run('work' as never, [60_000] as never)];
    for (let index = 0; index < 100; index += 1) hostages.push(pool.run('work' as never, [0] as never));
    expect(await Promise.all(hostages.slice(1))).toHaveLength(100);
    await hostages[0]?.kill();
    await rejection(hostages[0] as Promise<unknown>);
  });

  test('O17: kill every task with 10,000 queued; then 10,000 more run', async () => {
    const pool = newPool();
    const tasks = Array.from({ length: 10_000 }, () => pool.run('never'));
    const outcomes = Promise.allSettled(tasks);
    await tasks[0]?.started;
    expect(await pool.killTasks()).toBe(10_000);
    expect((await outcomes).every((outcome) => outcome.status === 'rejected')).toBe(true);
    expect(await Promise.all(Array.from({ length: 10_000 }, (_, index) => pool.run('echo', [index])))).toHaveLength(10_000);
  });

  test('G14: higher priority first, then the order of submission', async () => {
    const pool = newPool({ size: 1, pipelining: false });
    const file = `${newFolder()}/marks`;
    pool.pause();
    const tasks = [0, 5, 0, 5, 9].map((priority, index) => pool.run('mark', [file, `${priority}-${index}`], { priority }));
    pool.resume();
    await Promise.all(tasks);
    expect(linesOf(file)).toEqual(['9-4', '5-1', '5-3', '0-0', '0-2']);
  });

  test('queueLimit refuses, and room() resolves when there is room', async () => {
    const pool = newPool({ size: 1, queueLimit: 2 });
    await pool.ready();
    const first = pool.run('sleep', [100]);
    const two = [pool.run('noop'), pool.run('noop')];
    await first.started;
    expect(await rejection(pool.run('noop'))).toMatchObject({ code: 'ERR_EVERPOOL_QUEUE_FULL' });
    await pool.room();
    await Promise.all([first, ...two, pool.run('noop')]);
  });

  test('retries, progress, exec, tags and idle', async () => {
    const pool = newPool();
    expect(await pool.run('failUntil', [3], { retries: { error: 2 } })).toBe(3);
    expect(await pool.run('failUntil', [3, 'exit'], { retries: 2 })).toBe(3);
    const seen: unknown[] = [];
    await pool.run('progress', [[1, { two: 2 }]], { onProgress: (value) => seen.push(value) });
    expect(seen).toEqual([1, { two: 2 }]);
    expect(await pool.exec((a: number, b: number) => a * b, [6, 7])).toBe(42);
    const tagged = pool.run('never', [], { tag: 'doomed' });
    const other = pool.run('sleep', [100]);
    await tagged.started;
    expect(await pool.killTasks({ tag: 'doomed' })).toBe(1);
    await rejection(tagged);
    expect(await other).toBe(100);
    await pool.idle();
    await until('nothing runs', () => pool.stats().running === 0);
  });
});
