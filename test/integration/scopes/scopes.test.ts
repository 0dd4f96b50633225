/** Scopes: whatever was started in one ends with it, however it is left. */
import { OptionsError, TaskCancelledError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Generators from '../../fixtures/generators.js';
import { expectUsable, fixture, isRunning, linesOf, newFolder, newGate, newPool, rejection, until, useKit } from '../../kit/pools.js';

const scoped = (options = {}) => newPool<typeof Generators>({ module: fixture('generators.js'), size: 3, graceMs: 100, ...options });

describe('scopes', () => {
  useKit();

  test('left by its end, by return or by a throw: running tasks are killed and have ended, queued tasks never start', async () => {
    const pool = scoped({ size: 2 });
    const file = `${newFolder()}/started`;
    const leave = {
      end: () => undefined,
      throw: () => {
        throw new Error('out');
      },
    };
    for (const how of ['end', 'throw'] as const) {
      const pids: number[] = [];
      const tasks: Promise<unknown>[] = [];
      const body = async (): Promise<void> => {
        await using scope = pool.scope();
        const running = [scope.run('spinForever'), scope.run('never')];
        tasks.push(...running, scope.run('mark', [file, how]));
        for (const { pid } of await Promise.all(running.map((task) => task.started))) pids.push(pid);
        leave[how]();
      };
      if (how === 'throw') await expect(body()).rejects.toThrow('out');
      else await body();
      expect(pids.map(isRunning)).toEqual([false, false]);
      for (const task of tasks) expect(await rejection(task)).toBeInstanceOf(TaskCancelledError);
    }
    expect(linesOf(file)).toEqual([]);
    await expectUsable(pool as never);
  });

  test('tasks that have ended are untouched, and nothing outside of the scope notices', async () => {
    const pool = scoped();
    const gate = newGate();
    const outside = pool.run('untilFile', [gate.file, 'outside']);
    await outside.started;
    const results: unknown[] = [];
    {
      await using scope = pool.scope();
      results.push(await scope.run('add', [1, 2]), await scope.tasks.add(3, 4), await scope.exec((a: number) => a * 2, [4]));
      results.push(await scope.map('echo', [1, 2]), await scope.starmap('add', [[1, 1]]));
      const values: unknown[] = [];
      for await (const value of scope.stream('count', [0, 3])) values.push(value);
      results.push(values);
    }
    expect(results).toEqual([3, 7, 8, [1, 2], [2], [0, 1, 2]]);
    gate.open();
    expect(await outside).toBe('outside');
    expect(outside.attempts).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ cancelled: 0, failed: 0, deaths: 0 });
  });

  test('kill() and cancel() end its batches and streams, and nothing else', async () => {
    for (const how of ['kill', 'cancel'] as const) {
      const pool = scoped({ size: 6 });
      const file = `${newFolder()}/made`;
      const scope = pool.scope();
      let pulled = 0;
      const items = function* (): Generator<number> {
        for (;;) {
          pulled += 1;
          yield 20;
        }
      };
      const batch = scope.map('sleep', items(), { bufferSize: 4 });
      const read = async (values: AsyncIterable<unknown>): Promise<void> => {
        for await (const value of values) void value;
      };
      const reading = rejection(read(batch));
      const stream = scope.stream('endless', [file]);
      const streaming = rejection(read(stream));
      const gate = newGate();
      const other = pool.run('untilFile', [gate.file, 'other']);
      const otherBatch = pool.map('untilFile', [gate.file, gate.file, gate.file]);
      const others = otherBatch.settled();
      await Promise.all([stream.task.started, other.started, until('the batch goes on', () => pulled > 8)]);
      await scope[how]('enough');
      const before = pulled;
      expect(await reading).toBeInstanceOf(TaskCancelledError);
      expect(await streaming).toMatchObject({ reason: 'enough' });
      gate.open();
      expect((await others).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
      expect(await other).toBe('other');
      expect(pulled).toBe(before);
      expect(await rejection(scope.run('add', [1, 2]))).toBeInstanceOf(TaskCancelledError);
      await expect(scope.map('echo', [1])).rejects.toBeInstanceOf(TaskCancelledError);
      await expectUsable(pool as never, 6);
    }
  });

  test('its signal ends everything in it with the reason, and its tasks have its tag', async () => {
    const pool = scoped();
    const controller = new AbortController();
    const scope = pool.scope({ signal: controller.signal, tag: 'group' });
    const own = new AbortController();
    const tasks = [scope.run('never'), scope.run('never', [], { tag: 'mine' }), scope.run('never', [], { signal: own.signal })];
    expect(tasks.map(({ tag }) => tag)).toEqual(['group', 'mine', 'group']);
    await Promise.all(tasks.map((task) => task.started));
    own.abort(new Error('only this one'));
    expect(await rejection(tasks[2] as never)).toEqual(new Error('only this one'));
    expect(scope.signal.aborted).toBe(false);
    controller.abort(new Error('all of it'));
    expect(scope.signal.aborted).toBe(true);
    for (const task of tasks.slice(0, 2)) expect(await rejection(task)).toEqual(new Error('all of it'));
    expect(await rejection(scope.run('add', [1, 2]))).toEqual(new Error('all of it'));
    expect(() => pool.scope({ signal: 'x' as never })).toThrow(OptionsError);
    await expectUsable(pool as never, 3);
  });

  test('one that has ended starts nothing more, whatever signal a call has', async () => {
    const pool = scoped();
    const own = new AbortController();
    const scope = pool.scope({ signal: new AbortController().signal });
    expect(await scope.run('add', [1, 2], { signal: own.signal })).toBe(3);
    await scope.kill();
    expect(await rejection(scope.run('add', [1, 2], { signal: own.signal }))).toBeInstanceOf(TaskCancelledError);
    expect(await rejection(scope.scope({ signal: own.signal }).run('add', [1, 2]))).toBeInstanceOf(TaskCancelledError);
    expect(pool.stats().submitted).toBe(1);
  });

  test('nested: the inner one ends alone, and with the outer one', async () => {
    const pool = scoped({ size: 4 });
    const outer = pool.scope({ tag: 'outer' });
    const first = outer.scope();
    const second = outer.scope({ tag: 'second' });
    const [a, b, c] = [outer.run('never'), first.run('never'), second.run('never')];
    expect([a.tag, b.tag, c.tag]).toEqual(['outer', 'outer', 'second']);
    await Promise.all([a, b, c].map((task) => task.started));
    await first.kill('first');
    expect(await rejection(b)).toMatchObject({ reason: 'first' });
    expect([a.state, c.state]).toEqual(['running', 'running']);
    let isIdle = false;
    const idle = outer.idle().then(() => {
      isIdle = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isIdle).toBe(false);
    await outer.kill('outer');
    expect(await rejection(a)).toMatchObject({ reason: 'outer' });
    expect(await rejection(c)).toMatchObject({ reason: 'outer' });
    expect(second.signal.aborted).toBe(true);
    await idle;
    await expectUsable(pool as never, 4);
  });

  test('idle() waits for the tasks of the scope, and for nothing else', async () => {
    const pool = scoped();
    const scope = pool.scope();
    await scope.idle();
    const outside = pool.run('never');
    const done: string[] = [];
    void scope.run('sleep', [50]).then(() => done.push('task'));
    void scope.map('sleep', [60, 61]).then(() => done.push('batch'));
    await scope.idle();
    await Promise.resolve();
    expect(done).toEqual(['task', 'batch']);
    await outside.kill();
    await rejection(outside);
  });

  test('that is ended by its own arguments, input or reason starts nothing more', async () => {
    const pool = scoped();
    const file = `${newFolder()}/started`;
    for (const how of ['kill', 'cancel'] as const) {
      const scope = pool.scope();
      const ending = {
        get file() {
          void scope[how]();
          return file;
        },
      };
      const task = scope.run('echo', [ending] as never);
      expect(await rejection(task)).toBeInstanceOf(TaskCancelledError);
      expect(task.attempts).toEqual([]);
      const other = pool.scope();
      function* input(): Generator<number> {
        void other[how]();
        yield 1;
        yield 2;
      }
      await rejection(other.map('echo', input()));
      const third = pool.scope();
      const running = third.run('never');
      await running.started;
      let late: Promise<unknown> | undefined;
      const reason = {
        get message() {
          late ??= third.run('mark', [file, how]);
          return 'a reason that submits';
        },
      };
      await third[how](reason);
      await rejection(running);
      if (late !== undefined) expect(await rejection(late)).toBeInstanceOf(TaskCancelledError);
    }
    expect(linesOf(file)).toEqual([]);
    await expectUsable(pool as never, 3);
  });

  test('waits for an inner scope that was cancelled before, and kills what that still runs', async () => {
    const pool = scoped({ graceMs: 60_000 });
    const outer = pool.scope();
    const inner = outer.scope();
    const task = inner.run('never');
    const { pid } = await task.started;
    const cancelled = inner.cancel(); // in its grace of a minute
    let isIdle = false;
    const idle = outer.idle().then(() => {
      isIdle = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIdle).toBe(false);
    await outer.kill();
    expect(isRunning(pid)).toBe(false);
    await Promise.all([cancelled, idle, rejection(task)]);
  });
});
