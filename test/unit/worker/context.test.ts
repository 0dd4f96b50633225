import { describe, expect, it } from 'vitest';
import { Flag } from '../../../src/ipc/frame.js';
import { WINDOW_VALUES } from '../../../src/ipc/stream-window.js';
import { SerializationError, TaskCancelledError, TaskTimeoutError } from '../../../src/shared/errors.js';
import type { TaskContext } from '../../../src/worker/task-context.js';
import { FakeParent } from '../../fixtures/worker/fake-parent.js';

const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));

/** A parent whose worker has one task that is given its context. */
async function parentOf(task: (context: TaskContext, ...args: unknown[]) => unknown, concurrency = 1): Promise<FakeParent> {
  const parent: FakeParent = await FakeParent.of({ task: (...args: unknown[]) => task(parent.runner.context(), ...args) }, concurrency);
  return parent;
}

describe('context()', () => {
  it('names the task, the attempt and the worker, and is the same at each call', async () => {
    const parent = await parentOf(({ taskId, attempt, workerId }) => {
      expect(parent.runner.context()).toBe(parent.runner.context());
      return { taskId, attempt, workerId };
    });
    parent.run(1, 'task', [], { attempt: 3, taskId: 42 });
    expect(parent.replies[0]?.value).toEqual({ taskId: 42, attempt: 3, workerId: 7 });
  });

  it('throws outside a task', async () => {
    const parent = await parentOf(() => 1);
    expect(() => parent.runner.context()).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_NO_CONTEXT' }));
    parent.run(1, 'task');
    expect(() => parent.runner.context()).toThrow('outside a task');
  });

  it('follows each task through its asynchronous calls once it is tracked', async () => {
    const parent: FakeParent = await FakeParent.of(
      {
        async task(): Promise<number> {
          await new Promise((resolve) => setImmediate(resolve));
          return parent.runner.context().taskId;
        },
      },
      2,
    );
    parent.runner.current.track();
    parent.run(1, 'task');
    parent.run(2, 'task');
    expect((await parent.reply(1)).value).toBe(101);
    expect((await parent.reply(2)).value).toBe(102);
  });

  it('finds the only running attempt when it began before it was tracked, and refuses to guess', async () => {
    const parent: FakeParent = await FakeParent.of(
      {
        async task(waitMs: number): Promise<number> {
          await new Promise((resolve) => setTimeout(resolve, waitMs));
          parent.runner.current.track();
          return parent.runner.context().taskId;
        },
      },
      2,
    );
    parent.run(1, 'task', [20]);
    parent.run(2, 'task', [0]);
    expect(await parent.reply(2)).toMatchObject({ type: 'Failure', value: { code: 'ERR_EVERPOOL_NO_CONTEXT' } });
    expect(await parent.reply(1)).toMatchObject({ type: 'Result', value: 101 });
  });

  it('leaves code that outlives its task in the context of that task', async () => {
    let later: (() => TaskContext) | undefined;
    const parent: FakeParent = await FakeParent.of({
      async leaves(): Promise<void> {
        const { AsyncResource } = await import('node:async_hooks');
        later = AsyncResource.bind(() => parent.runner.context());
      },
      other: () => new Promise(() => undefined),
    });
    parent.runner.current.track();
    parent.run(1, 'leaves');
    await parent.reply(1);
    parent.run(2, 'other');
    const context = later?.() as TaskContext;
    expect(context.taskId).toBe(101);
    parent.abort(1);
    parent.abort(2);
    expect(context.signal.aborted).toBe(false);
    parent.forget();
    context.progress('too late');
    expect(parent.replies).toEqual([]);
  });
});

describe('abort', () => {
  it('fires the signal with the reason that was given, once', async () => {
    const parent = await parentOf(({ signal }) => aborted(signal));
    parent.run(1, 'task');
    parent.abort(1, 'cancel', { why: 'enough' });
    parent.abort(1, 'soft-timeout', 'again');
    expect((await parent.reply(1)).value).toEqual({ why: 'enough' });
  });

  it.each([
    ['cancel', TaskCancelledError],
    ['soft-timeout', TaskTimeoutError],
  ] as const)('has a reason of its own for %s', async (kind, errorClass) => {
    let reason: unknown;
    const parent = await parentOf(async ({ signal }) => {
      reason = await aborted(signal);
    });
    parent.run(1, 'task');
    parent.abort(1, kind);
    await parent.reply(1);
    expect(reason).toBeInstanceOf(errorClass);
  });

  it('reaches the named attempt only, and is ignored for one that is over or unknown', async () => {
    const parent = await parentOf(({ signal, taskId }) => (taskId === 101 ? 0 : aborted(signal)), 3);
    for (const seq of [1, 2, 3]) parent.run(seq, 'task');
    parent.abort(1);
    parent.abort(99);
    parent.abort(3, 'cancel', 'third');
    expect((await parent.reply(3)).value).toBe('third');
    expect(parent.replies.some(({ seq }) => seq === 2)).toBe(false);
  });

  it('is kept for an attempt that was sent ahead', async () => {
    const parent = await parentOf(({ signal, taskId }) => {
      if (taskId === 101) return aborted(signal);
      return [signal.aborted, signal.reason];
    });
    parent.run(1, 'task');
    parent.run(2, 'task');
    parent.run(3, 'task');
    parent.abort(2, 'cancel', 'early');
    parent.abort(1, 'cancel', 'first');
    expect((await parent.reply(2)).value).toEqual([true, 'early']);
    expect((await parent.reply(3)).value).toEqual([false, undefined]);
  });
});

describe('a cancel after a soft timeout', () => {
  it('ends a generator that waits for its reader', async () => {
    let isClosed = false;
    const parent = await FakeParent.of({
      *endless() {
        try {
          for (;;) yield 0;
        } finally {
          isClosed = true;
        }
      },
    });
    parent.run(1, 'endless', [], { flags: Flag.Stream });
    await parent.until(() => parent.replies.length === WINDOW_VALUES);
    parent.abort(1, 'soft-timeout');
    await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(false);
    parent.abort(1, 'cancel');
    expect(await parent.reply(1)).toMatchObject({ type: 'Failure', value: { name: 'TaskTimeoutError' } });
    expect(isClosed).toBe(true);
  });

  it('ends a chunk before its next item, whether it waits or spins', async () => {
    const waiting: (() => void)[] = [];
    const called: string[] = [];
    const parent: FakeParent = await FakeParent.of({
      waits: (item: number) => {
        called.push(`waits ${item}`);
        return new Promise<void>((resolve) => waiting.push(resolve));
      },
      spins: (item: number) => {
        called.push(`spins ${item}`);
        parent.time += 10;
        if (item === 10) parent.abortKinds.set(2, 'soft-timeout');
        if (item === 20) parent.abortKinds.set(2, 'cancel');
      },
    });
    const items = Array.from({ length: 100 }, (_, index) => [index]);
    parent.run(1, 'waits', items, { flags: Flag.Chunk });
    parent.abort(1, 'soft-timeout');
    parent.time += 10;
    waiting.shift()?.();
    await parent.until(() => parent.replies.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    parent.abort(1, 'cancel');
    waiting.shift()?.();
    expect((await parent.reply(1)).type).toBe('Failure');
    parent.run(2, 'spins', items, { flags: Flag.Chunk });
    expect((await parent.reply(2)).type).toBe('Failure');
    expect(called).toEqual(['waits 0', 'waits 1', ...items.slice(0, 21).map((item) => `spins ${item}`)]);
  });
});

describe('the items of a chunk', () => {
  /** Of each item: how many were recorded as started when it was called. */
  async function recordedAtStart(count: number, before: number, task: (item: number, parent: FakeParent) => unknown): Promise<number[]> {
    const seen: number[] = [];
    const parent: FakeParent = await FakeParent.of({
      tiny: () => undefined,
      task: (item: number) => {
        seen.push(parent.startedItems.at(-1) as number);
        return task(item, parent);
      },
    });
    if (before > 0) parent.run(1, 'tiny', Array(before).fill([]), { flags: Flag.Chunk });
    parent.run(
      2,
      'task',
      Array.from({ length: count }, (_, index) => [index]),
      { flags: Flag.Chunk },
    );
    await parent.reply(2);
    return seen;
  }
  const oneByOne = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

  it('are recorded one by one, each before it starts: however short, slow or asynchronous they are', async () => {
    expect(await recordedAtStart(3000, 0, () => undefined)).toEqual(oneByOne(3000));
    const slow = (_item: number, parent: FakeParent): void => {
      parent.time += 0.003;
    };
    expect(await recordedAtStart(100, 6000, slow)).toEqual(oneByOne(100));
    expect(await recordedAtStart(100, 6000, async () => undefined)).toEqual(oneByOne(100));
  });

  it('are recorded several at a time when each is shorter than a write, and thousands have harmed nothing; never fewer than have started', async () => {
    const seen = await recordedAtStart(1000, 6000, (item, parent) => {
      parent.time += item < 500 ? 0.0001 : item < 600 ? 0.01 : 0.0001;
    });
    const ahead = seen.map((recorded, index) => recorded - index);
    expect([Math.min(...ahead) > 0, Math.max(...ahead) <= 32]).toEqual([true, true]);
    expect(new Set(seen.slice(0, 500)).size).toBeLessThan(40);
    // Soon after they take longer, it is one by one again.
    expect(seen.slice(516, 600)).toEqual(oneByOne(600).slice(516));
  });

  it('are taken back from the control file when one of them takes its time', async () => {
    const seen: number[] = [];
    const parent: FakeParent = await FakeParent.of({
      tiny: () => undefined,
      task: (item: number) => (item === 700 ? Promise.resolve().then(() => seen.push(parent.startedItems.at(-1) as number)) : undefined),
    });
    parent.run(1, 'tiny', Array(6000).fill([]), { flags: Flag.Chunk });
    parent.run(
      2,
      'task',
      Array.from({ length: 1000 }, (_, index) => [index]),
      { flags: Flag.Chunk },
    );
    await parent.reply(2);
    expect(seen).toEqual([701]);
  });

  it('end their worker when they cannot be recorded: nothing may start without a record', async () => {
    let calls = 0;
    const parent: FakeParent = await FakeParent.of({
      task: () => {
        calls += 1;
      },
    });
    parent.startedItems.push = () => {
      throw new Error('EBADF');
    };
    parent.run(1, 'task', [[1], [2]], { flags: Flag.Chunk });
    expect(await parent.exit()).toBe(1);
    expect(calls).toBe(0);
  });
});

describe('aborted()', () => {
  it('sees the control file in a loop that never yields, fires the signal, and reads at most once a millisecond', async () => {
    const parent: FakeParent = await parentOf(({ aborted, checkpoint, signal }) => {
      const fired: unknown[] = [];
      signal.addEventListener('abort', () => fired.push(signal.reason));
      const before = parent.looks;
      expect(aborted()).toBe(false);
      expect(parent.looks).toBe(before + 1);
      parent.abortKinds.set(1, 'cancel');
      for (let i = 0; i < 100; i++) expect(aborted()).toBe(false);
      expect(parent.looks).toBe(before + 1);
      parent.time += 1;
      expect(aborted()).toBe(true);
      expect(fired).toEqual([expect.any(TaskCancelledError)]);
      expect(aborted()).toBe(true);
      expect(parent.looks).toBe(before + 2);
      checkpoint();
    });
    parent.run(1, 'task');
    expect(parent.replies[0]).toMatchObject({ type: 'Failure', value: { code: 'ERR_EVERPOOL_CANCELLED' } });
  });

  it('sees at its first call what the control file said before', async () => {
    const parent = await parentOf(({ aborted }) => aborted());
    parent.abortKinds.set(1, 'soft-timeout');
    parent.run(1, 'task');
    expect(parent.replies[0]?.value).toBe(true);
  });

  it('costs nothing for tasks that do not ask', async () => {
    const parent = await FakeParent.of({ one: () => 1 });
    parent.run(1, 'one');
    expect(parent.looks).toBe(0);
  });
});

describe('progress()', () => {
  it('is sent immediately, before the task ends', async () => {
    const parent = await parentOf(({ progress }) => {
      progress({ done: 1 });
      expect(parent.replies).toMatchObject([{ type: 'Progress', seq: 1, value: { done: 1 } }]);
      progress(undefined);
    });
    parent.run(1, 'task');
    expect(parent.replies.map(({ type, value }) => [type, value])).toEqual([
      ['Progress', { done: 1 }],
      ['Progress', undefined],
      ['Result', undefined],
    ]);
  });

  it('throws for a value that cannot be sent, and the task may go on', async () => {
    const parent = await parentOf(({ progress }) => {
      expect(() => progress({ done: () => 1 })).toThrow(SerializationError);
      expect(() => progress({ done: () => 1 })).toThrow(/progress\.done/);
      return 'done';
    });
    parent.run(1, 'task');
    expect(parent.replies).toMatchObject([{ type: 'Result', value: 'done' }]);
  });

  it('fails the task on the side of progress when the task lets it escape', async () => {
    const parent = await parentOf(async ({ progress }) => {
      await null;
      progress({ done: () => 1 });
    });
    parent.run(1, 'task');
    expect(await parent.reply(1)).toMatchObject({
      flags: Flag.Unserialisable,
      value: { side: 'progress', message: expect.stringContaining('progress.done: ') },
    });
  });
});
