import { SerializationError, TaskCancelledError, TaskTimeoutError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newPool, rejection, until, useKit } from '../kit/pools.js';

describe('B. serialization, both directions', () => {
  useKit();

  test('B01, B19, O08: an argument that cannot be sent rejects that task, naming the path; no worker is touched', async () => {
    const pool = newPool({ size: 1 });
    const pid = await pool.run('pid');
    const error = await rejection(pool.run('echo', [{ user: { save: () => 1 } }]));
    expect(error).toBeInstanceOf(SerializationError);
    expect(error).toMatchObject({ side: 'arguments', code: 'ERR_EVERPOOL_SERIALIZATION' });
    expect(error.message).toContain('args[0].user.save');
    const getter = {
      get trap(): never {
        throw new Error('not me');
      },
    };
    expect((await rejection(pool.run('echo', [getter]))).message).toContain('not me');
    expect(await pool.run('pid')).toBe(pid);
  });

  test('B03, B06, B08, B09: code that runs while arguments are decoded or a result is encoded may end the worker: a death of that task', async () => {
    const pool = newPool({ module: fixture('odd-values.js'), size: 1 });
    const error = await rejection(pool.run('resultThatExits' as never, [0] as never));
    expect(error).toMatchObject({ death: { exitCode: 0, phase: 'task' } });
    const crash = await rejection(pool.run('resultThatCrashes' as never));
    expect(crash).toMatchObject({ death: { signal: 'SIGSEGV' } });
  });

  test('B10, B19, O08: a result that cannot be sent rejects with the reason, and the worker lives', async () => {
    const pool = newPool({ module: fixture('odd-values.js'), size: 1 });
    const pid = await pool.run('pid' as never);
    expect(await rejection(pool.run('functionResult' as never))).toMatchObject({ side: 'result' });
    expect((await rejection(pool.run('throwingGetter' as never))).message).toContain('getter on purpose');
    expect(await rejection(pool.run('throwsFunction' as never))).toMatchObject({ side: 'error' });
    expect(await rejection(pool.run('badProgress' as never))).toMatchObject({ side: 'progress' });
    expect(await pool.run('pid' as never)).toBe(pid);
  });

  test('B20, B28: an error arrives with class, message, code, cause, properties and the line of the worker', async () => {
    const pool = newPool({ module: fixture('odd-values.js') });
    const error = await rejection(pool.run('richError' as never));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message: 'rich', code: 'E_RICH', detail: { at: 7 } });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.stack).toContain('odd-values.js');
    expect(error.stack).toContain('scenarios-bcd.test');
    expect(await rejection(pool.run('frozenError' as never))).toMatchObject({ message: 'frozen' });
    const own = await rejection(pool.run('ownClass' as never));
    expect(own.name).toBe('PaymentError');
    expect(own).toBeInstanceOf(Error);
  });

  test('B24: 100 MiB both ways', async () => {
    const pool = newPool({ size: 1 });
    const big = Buffer.alloc(100 << 20, 'everpool');
    const back = (await pool.run('echo', [big])) as Buffer;
    expect(Buffer.isBuffer(back)).toBe(true);
    expect(big.equals(back)).toBe(true);
  });

  test('values arrive as structured clones', async () => {
    const pool = newPool({ size: 1 });
    const value: Record<string, unknown> = {
      map: new Map([[1, new Set(['a'])]]),
      date: new Date(5),
      big: 10n,
      zero: -0,
      nan: Number.NaN,
      regexp: /x/g,
    };
    value['self'] = value;
    value['holes'] = [1, undefined, 2];
    expect(await pool.run('echo', [value])).toEqual(value);
  });
});

describe('C. timeouts', () => {
  useKit();

  test.each([
    ['C01', 'sleep', [10_000]],
    ['C03', 'spin', [10_000]],
    ['C04', 'ignoreSigterm', []],
  ] as const)('%s: %s ends by its limit, and its worker is replaced', async (_number, name, args) => {
    const pool = newPool({ killLadder: [{ signal: 'SIGTERM', waitMs: 200 }] });
    await pool.ready();
    const task = pool.run(name, args as never, { timeoutMs: 100 });
    const { pid } = await task.started;
    const error = await rejection(task);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).toMatchObject({ kind: 'run', timeoutMs: 100 });
    await until('its worker is gone', () => !isRunning(pid));
    await expectUsable(pool);
  });

  test('C05: slow items of a map reject, and the iteration goes on to the end', async () => {
    const pool = newPool();
    const statuses: string[] = [];
    for await (const outcome of pool.map('sleep', [1, 10_000, 1, 10_000, 1], { timeoutMs: 200 }).outcomes()) statuses.push(outcome.status);
    expect(statuses).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
  });

  test('C08: a limit that is no number throws at once', () => {
    const pool = newPool();
    expect(() => pool.run('noop', [], { timeoutMs: '5' as never })).toThrow(/timeoutMs/);
  });

  test('C13: the soft limit fires the signal, the hard one ends the task', async () => {
    const pool = newPool();
    expect((await rejection(pool.run('untilAborted', [], { softTimeoutMs: 50, timeoutMs: 10_000 }))).name).toBe('TaskTimeoutError');
    expect((await rejection(pool.run('spinUntilAborted', [], { softTimeoutMs: 50, timeoutMs: 10_000 }))).name).toBe('TaskTimeoutError');
    expect(pool.stats().spawned).toBe(2);
    expect(await rejection(pool.run('spin', [10_000], { softTimeoutMs: 20, timeoutMs: 100 }))).toBeInstanceOf(TaskTimeoutError);
  });

  test('C18: a restart does not wait for a task that takes for ever', async () => {
    const pool = newPool();
    const task = pool.run('never');
    await task.started;
    await pool.restart();
    expect(task.state).toBe('running');
    await expectUsable(pool);
    await task.kill();
    await rejection(task);
  });

  test('a task waits in the queue no longer than queueTimeoutMs, and never starts after it', async () => {
    const pool = newPool({ size: 1 });
    const file = `${newFolder()}/marks`;
    const first = pool.run('spin', [300]);
    const error = await rejection(pool.run('mark', [file, 'late'], { queueTimeoutMs: 50 }));
    expect(error).toMatchObject({ kind: 'queue', name: 'TaskTimeoutError' });
    await first;
    await expectUsable(pool, 1);
    expect(linesOf(file)).toEqual([]);
  });

  test('a timed-out task is started again within retries.timeout', async () => {
    const pool = newPool();
    const task = pool.run('never', [], { timeoutMs: 50, retries: { timeout: 2 } });
    await rejection(task);
    expect(task.attempts.map((attempt) => attempt.outcome)).toEqual(['timeout', 'timeout', 'timeout']);
  });
});

describe('D. cancel', () => {
  useKit();

  test('D01, D03: a running task that ignores its signal is ended by force, and its worker replaced', async () => {
    const pool = newPool({ graceMs: 50 });
    const task = pool.run('never');
    const { pid } = await task.started;
    await task.cancel('enough');
    expect(isRunning(pid)).toBe(false);
    expect(await rejection(task)).toMatchObject({ name: 'TaskCancelledError', forced: true, reason: 'enough' });
    await expectUsable(pool);
  });

  test.each(['untilAborted', 'spinUntilAborted'] as const)(
    'a running task that heeds its signal (%s) stops, and its worker lives on',
    async (name) => {
      const pool = newPool({ size: 1 });
      const task = pool.run(name);
      const { pid } = await task.started;
      await task.cancel();
      expect(await rejection(task)).toMatchObject({ name: 'TaskCancelledError', forced: false });
      expect(await pool.run('pid')).toBe(pid);
    },
  );

  test('D04: after one result the rest of a map is cancelled', async () => {
    const pool = newPool({ graceMs: 20 });
    const batch = pool.map('sleep', [1, 10_000, 10_000, 10_000, 10_000], { onError: 'continue' });
    const all = batch.settled();
    await until('the first is done', () => batch.progress.done === 1);
    await batch.cancel();
    const outcomes = await all;
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected']);
    for (const outcome of outcomes.slice(1)) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool);
  });

  test('D07: cancelled in the tick of its submission, or in the queue, or sent ahead, a task never starts', async () => {
    const pool = newPool({ size: 1 });
    const file = `${newFolder()}/marks`;
    for (let index = 0; index < 50; index += 1) await pool.run('mark', [file, 'warm']);
    const warm = linesOf(file).length;
    const now = pool.run('mark', [file, 'same tick']);
    await now.cancel();
    expect(now.state).toBe('cancelled');
    const blocker = pool.run('spin', [100]);
    await blocker.started;
    const ahead = Array.from({ length: 5 }, () => pool.run('mark', [file, 'behind']));
    await Promise.all(ahead.map((task) => task.cancel()));
    await blocker;
    for (const task of [now, ...ahead]) expect(await rejection(task)).toBeInstanceOf(TaskCancelledError);
    await expectUsable(pool, 1);
    expect(linesOf(file)).toHaveLength(warm);
  });

  test('an AbortSignal cancels, and the task rejects with its reason', async () => {
    const pool = newPool({ graceMs: 50 });
    const control = new AbortController();
    const reason = new Error('the user left');
    const tasks = Array.from({ length: 15 }, () => pool.run('never', [], { signal: control.signal }));
    await tasks[0]?.started;
    control.abort(reason);
    for (const task of tasks) expect(await rejection(task)).toBe(reason);
    expect(await rejection(pool.run('noop', [], { signal: control.signal }))).toBe(reason);
    await expectUsable(pool);
  });
});
