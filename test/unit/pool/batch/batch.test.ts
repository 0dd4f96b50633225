import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { EverpoolError, OptionsError, PoolClosedError, SerializationError, TaskCancelledError } from '../../../../src/shared/errors.js';
import { counted, FakeCore, settle } from '../../../kit/batch.js';
import { isLong } from '../../../kit/long.js';

function noop(): void {
  // nothing to do
}

async function rejection(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it resolved');
}

describe('the arguments of map', () => {
  test.each([[5], [null], [undefined], [{}]])('items that cannot be iterated (%j) throw immediately', (items) => {
    expect(() => new FakeCore().map(items as never)).toThrow(OptionsError);
  });

  test('resume without a journal is refused', () => {
    expect(() => new FakeCore().map([], { resume: 'failed' })).toThrow(/resume: expected a journal/);
  });

  test('a string is its characters', async () => {
    const core = new FakeCore();
    core.answer = (item) => item;
    expect(await core.map('añ𝄞')).toEqual(['a', 'ñ', '𝄞']);
  });

  test('an iterator that cannot be had fails the batch with its own error', async () => {
    const error = new Error('no');
    const items = {
      [Symbol.iterator]: () => {
        throw error;
      },
    };
    expect(await rejection(new FakeCore().map(items))).toBe(error);
  });
});

describe('awaited', () => {
  test('no items give no results, immediately', async () => {
    expect(await new FakeCore().map([])).toEqual([]);
  });

  test('results come in the order of the items, whatever the order in which they finish', async () => {
    for (const ordered of [true, false]) {
      const core = new FakeCore();
      const all = core.map([0, 1, 2], { ordered }).then((values) => values);
      for (const item of [2, 0, 1]) core.resolve(item, item * 10);
      expect(await all).toEqual([0, 10, 20]);
    }
  });

  test('never more than bufferSize are in flight', async () => {
    const core = new FakeCore();
    const { items, seen } = counted(100);
    const all = core.map(items, { bufferSize: 3 }).then((values) => values.length);
    for (let i = 0; i < 100; i += 1) {
      expect(core.inFlight.length).toBeLessThanOrEqual(3);
      expect(seen.pulled).toBeLessThanOrEqual(i + 3);
      core.resolve(i);
      await settle();
    }
    expect(await all).toBe(100);
    expect(seen.returned).toBe(0);
  });

  test('the first failure cancels the rest, and the batch rejects with it', async () => {
    const core = new FakeCore();
    const { items, seen } = counted();
    const error = rejection(core.map(items, { bufferSize: 4 }));
    await settle();
    core.resolve(0);
    const cause = core.reject(2);
    expect(await error).toBe(cause);
    expect(core.inFlight).toEqual([]);
    expect(core.endings.map(({ item, how }) => [item, how])).toEqual([
      [1, 'cancel'],
      [3, 'cancel'],
    ]);
    expect(seen.returned).toBe(1);
  });

  test('with onError continue it goes on and rejects at the end with all failures in order', async () => {
    const core = new FakeCore();
    const error = rejection(core.map([0, 1, 2, 3], { onError: 'continue' }));
    const late = core.reject(3);
    const early = core.reject(1);
    core.resolve(0);
    await settle();
    core.resolve(2);
    const all = await error;
    expect(all).toBeInstanceOf(AggregateError);
    expect(all['errors']).toEqual([early, late]);
    expect(all.message).toMatch(/^2 of 4 items/);
  });

  test('twice is the same', async () => {
    const core = new FakeCore();
    core.answer = (item) => item;
    const batch = core.map([1, 2]);
    expect(await batch).toBe(await batch);
    let isFinal = false;
    await batch.finally(() => {
      isFinal = true;
    });
    expect(isFinal).toBe(true);
  });

  test('a failure that nobody awaits is not an unhandled rejection, and a late await still throws it', async () => {
    const core = new FakeCore();
    const batch = core.map([1, 2]);
    const error = core.reject(1);
    await settle();
    expect(await rejection(batch)).toBe(error);
  });

  test('arguments that cannot be sent reject their own item only', async () => {
    const core = new FakeCore();
    const bad = Array.from({ length: 10 }, () => noop);
    expect(await rejection(core.map(bad))).toBeInstanceOf(SerializationError);
    expect(core.submitted).toEqual([]);
    core.answer = (item) => item;
    const mixed = await core.map([1, noop, 3]).settled();
    expect(mixed.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });
});

describe('settled and outcomes', () => {
  test('settled returns every outcome in order and never rejects', async () => {
    const core = new FakeCore();
    const all = core.map([0, 1, 2]).settled();
    core.resolve(2);
    const reason = core.reject(0);
    core.resolve(1);
    expect(await all).toEqual([
      { status: 'rejected', reason },
      { status: 'fulfilled', value: 1 },
      { status: 'fulfilled', value: 2 },
    ]);
  });

  test('outcomes come in the order of the items, or as they arrive', async () => {
    for (const ordered of [true, false]) {
      const core = new FakeCore();
      const seen: number[] = [];
      const batch = core.map([0, 1, 2], { ordered });
      const end = (async () => {
        for await (const { index } of batch.outcomes()) seen.push(index);
      })();
      for (const item of [2, 0]) core.resolve(item);
      core.reject(1);
      await end;
      expect(seen).toEqual(ordered ? [0, 1, 2] : [2, 0, 1]);
    }
  });

  test('settled shows, after the outcomes, the error that cut the input short', async () => {
    const core = new FakeCore();
    const error = new Error('input');
    function* items(): Generator<number> {
      yield 0;
      throw error;
    }
    const all = core.map(items()).settled();
    core.resolve(0);
    expect(await all).toEqual([
      { status: 'fulfilled', value: 0 },
      { status: 'rejected', reason: error },
    ]);
  });
});

describe('iterated', () => {
  test('never more than bufferSize items are read ahead of the consumed results', async () => {
    const core = new FakeCore();
    core.answer = (item) => item;
    const { items, seen } = counted();
    const batch = core.map(items, { bufferSize: 3 });
    await settle();
    expect(seen.pulled).toBe(3);
    const iterator = batch[Symbol.asyncIterator]();
    for (let taken = 1; taken <= 20; taken += 1) {
      expect(await iterator.next()).toEqual({ done: false, value: taken - 1 });
      await settle();
      expect(seen.pulled).toBe(taken + 3);
    }
    await iterator.return?.();
    expect(seen.returned).toBe(1);
  });

  test('an ordered one yields the results before the failure, and then throws', async () => {
    const core = new FakeCore();
    const batch = core.map([0, 1, 2, 3, 4]);
    for (const item of [1, 0, 4]) core.resolve(item);
    const error = core.reject(3);
    await settle();
    const seen: unknown[] = [];
    const failure = await rejection(
      (async () => {
        for await (const value of batch) seen.push(value);
      })(),
    );
    expect(failure).toBe(error);
    expect(seen).toEqual([0, 1]);
    expect(core.inFlight).toEqual([]);
  });

  test('an unordered one yields the results that arrived before the failure', async () => {
    const core = new FakeCore();
    const batch = core.map([0, 1, 2, 3], { ordered: false });
    for (const item of [3, 1]) core.resolve(item);
    const error = core.reject(0);
    const seen: unknown[] = [];
    const failure = await rejection(
      (async () => {
        for await (const value of batch) seen.push(value);
      })(),
    );
    expect(failure).toBe(error);
    expect(seen).toEqual([3, 1]);
  });

  test('with onError continue it skips failures', async () => {
    const core = new FakeCore();
    core.answer = (item) => (item === 1 ? new Error('bad') : item);
    const seen: unknown[] = [];
    for await (const value of core.map([0, 1, 2], { onError: 'continue', bufferSize: 1 })) seen.push(value);
    expect(seen).toEqual([0, 2]);
  });

  test('leaving it cancels the rest, closes the input once and waits for both', async () => {
    const core = new FakeCore();
    core.obeys = false;
    let closed = 0;
    async function* items(): AsyncGenerator<number> {
      try {
        for (let i = 0; ; i += 1) yield i;
      } finally {
        await settle();
        closed += 1;
      }
    }
    const batch = core.map(items(), { bufferSize: 3 });
    const iterator = batch[Symbol.asyncIterator]();
    await settle();
    core.resolve(0);
    await iterator.next();
    await settle();
    expect(core.inFlight).toEqual([1, 2, 3]);
    let hasLeft = false;
    const left = iterator.return?.().then(() => {
      hasLeft = true;
    });
    await settle();
    expect(core.endings.map(({ item }) => item)).toEqual([1, 2, 3]);
    expect(hasLeft).toBe(false);
    for (const item of [1, 2, 3]) core.reject(item);
    await left;
    expect(closed).toBe(1);
    expect(core.holds).toBe(0);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('an error of the input on leaving reaches the loop that leaves', async () => {
    const core = new FakeCore();
    core.answer = (item) => item;
    function* items(): Generator<number> {
      try {
        for (;;) yield 1;
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: this is what is tested
        throw new Error('from finally');
      }
    }
    const loop = async (): Promise<void> => {
      for await (const _value of core.map(items())) break;
    };
    expect((await rejection(loop())).message).toBe('from finally');
  });

  test('several calls of next() are answered in turn, also at the end', async () => {
    const core = new FakeCore();
    const iterator = core.map([0, 1])[Symbol.asyncIterator]();
    const answers = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    core.resolve(1);
    core.resolve(0);
    expect(await answers).toEqual([
      { done: false, value: 0 },
      { done: false, value: 1 },
      { done: true, value: undefined },
    ]);
  });

  test('one use decides; another is refused and harms nothing', async () => {
    const core = new FakeCore();
    core.answer = (item) => item;
    const iterated = core.map([1, 2]);
    const iterator = iterated[Symbol.asyncIterator]();
    expect(await rejection(iterated)).toBeInstanceOf(EverpoolError);
    expect(await rejection(iterated.settled())).toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
    expect(() => iterated.outcomes()).toThrow(EverpoolError);
    expect(iterated[Symbol.asyncIterator]()).toBe(iterator);
    expect((await iterator.next()).value).toBe(1);

    const awaited = core.map([1, 2]);
    await awaited;
    expect(() => awaited[Symbol.asyncIterator]()).toThrow(/already being awaited/);
  });
});

describe('the input', () => {
  test('an error of the input is the very error of the batch, and the rest is cancelled', async () => {
    for (const isAsync of [false, true]) {
      const core = new FakeCore();
      const error = new Error('input');
      function* sync(): Generator<number> {
        yield 0;
        yield 1;
        throw error;
      }
      async function* later(): AsyncGenerator<number> {
        yield* sync();
      }
      expect(await rejection(core.map(isAsync ? later() : sync()))).toBe(error);
      expect(error.cause).toBeUndefined();
      expect(core.endings.map(({ item }) => item)).toEqual([0, 1]);
    }
  });

  test('with onError continue the submitted items finish first', async () => {
    const core = new FakeCore();
    const error = new Error('input');
    function* items(): Generator<number> {
      yield 0;
      yield 1;
      throw error;
    }
    const seen: unknown[] = [];
    const end = rejection(
      (async () => {
        for await (const value of core.map(items(), { onError: 'continue' })) seen.push(value);
      })(),
    );
    await settle();
    core.resolve(1);
    core.resolve(0);
    expect(await end).toBe(error);
    expect(seen).toEqual([0, 1]);
    expect(core.endings).toEqual([]);
  });

  test('a generator that ends its own batch is closed all the same', async () => {
    const core = new FakeCore();
    let closed = 0;
    const stop = new AbortController();
    function* items(): Generator<number> {
      try {
        yield 0;
        stop.abort(new Error('enough'));
        yield 1;
        yield 2;
      } finally {
        closed += 1;
      }
    }
    expect((await rejection(core.map(items(), { signal: stop.signal }))).message).toBe('enough');
    expect(core.submitted.map(({ item }) => item)).toEqual([0]);
    expect(closed).toBe(1);
  });

  test('an item whose arguments end the batch while they are encoded never starts', async () => {
    const core = new FakeCore();
    const stop = new AbortController();
    const items = [
      {
        get evil(): number {
          stop.abort(new Error('enough'));
          return 1;
        },
      },
      2,
    ];
    expect((await rejection(core.map(items, { signal: stop.signal }))).message).toBe('enough');
    expect(core.submitted).toHaveLength(1);
    expect(core.inFlight).toEqual([]);
  });

  test.each([
    ['no object', () => 5],
    [
      'a value that throws',
      () => ({
        done: false,
        get value(): never {
          throw new TypeError('getter');
        },
      }),
    ],
  ])('an iterator that answers %s fails the batch', async (_what, next) => {
    const items = { [Symbol.iterator]: () => ({ next }) } as unknown as Iterable<unknown>;
    expect(await rejection(new FakeCore().map(items))).toBeInstanceOf(TypeError);
  });

  test('a cancel does not wait for an input that never answers', async () => {
    const core = new FakeCore();
    let returned = 0;
    const items = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(noop),
        return: () => {
          returned += 1;
          return new Promise<never>(noop);
        },
      }),
    };
    const batch = core.map(items);
    const error = rejection(batch);
    await batch.cancel();
    expect(await error).toBeInstanceOf(TaskCancelledError);
    const iterated = core.map(items);
    await iterated[Symbol.asyncIterator]().return?.();
    expect(returned).toBe(2);
  });

  test('a long input whose items all end immediately neither overflows the stack nor starves the event loop', async () => {
    const core = new FakeCore();
    core.timePasses = true;
    core.answer = () => 1;
    const count = isLong ? 200_000 : 10_000;
    let turns = 0;
    let isOver = false;
    const tick = (): void => {
      turns += 1;
      if (!isOver) setImmediate(tick);
    };
    setImmediate(tick);
    let sum = 0;
    for await (const value of core.map(counted(count).items, { bufferSize: 1000 })) sum += value as number;
    isOver = true;
    expect(sum).toBe(count);
    expect(turns).toBeGreaterThan(count / 2000);
  });

  test('an endless input of which every item fails does not starve the event loop', async () => {
    const core = new FakeCore();
    core.timePasses = true;
    core.exports = new Set(['another']);
    const batch = core.map(counted().items, { onError: 'continue' });
    const end = rejection(batch);
    await settle();
    await batch.cancel('enough');
    expect(await end).toMatchObject({ name: 'TaskCancelledError', reason: 'enough' });
  });
});

describe('ending', () => {
  test('cancel ends this batch, resolves when all of it has ended, and the batch rejects then', async () => {
    const core = new FakeCore();
    core.obeys = false;
    const { items, seen } = counted();
    const batch = core.map(items, { bufferSize: 2 });
    let isOver = false;
    const error = rejection(batch).finally(() => {
      isOver = true;
    });
    const ended = batch.cancel('reason');
    expect(core.endings).toEqual([
      { item: 0, how: 'cancel', reason: 'reason' },
      { item: 1, how: 'cancel', reason: 'reason' },
    ]);
    expect(seen.returned).toBe(1);
    expect(core.holds).toBe(1);
    await settle();
    expect(isOver).toBe(false);
    await batch.kill('harder');
    await ended;
    expect(await error).toMatchObject({ name: 'TaskCancelledError', reason: 'reason', forced: true });
    expect(core.holds).toBe(0);
    await batch.cancel();
  });

  test('after a cancel settled returns the outcomes of the items that were read', async () => {
    const core = new FakeCore();
    const batch = core.map(counted().items, { bufferSize: 3 });
    const all = batch.settled();
    core.resolve(1);
    await batch.cancel();
    const statuses = (await all).map(({ status }) => status);
    expect(statuses).toEqual(['rejected', 'fulfilled', 'rejected']);
  });

  test('after a cancel an iteration throws, even if results wait', async () => {
    const core = new FakeCore();
    const batch = core.map([0, 1, 2]);
    const iterator = batch[Symbol.asyncIterator]();
    core.resolve(0);
    core.resolve(1);
    expect(await iterator.next()).toEqual({ done: false, value: 0 });
    await batch.cancel();
    expect(await rejection(iterator.next())).toBeInstanceOf(TaskCancelledError);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  test('a reason of any kind makes a message', async () => {
    for (const reason of [Object.create(null), Symbol('s'), 5n, new Error('why')]) {
      const core = new FakeCore();
      const batch = core.map([1]);
      const error = rejection(batch);
      await batch.cancel(reason);
      expect(await error).toMatchObject({ reason });
    }
  });

  test('each signal has one listener, whatever the number of batches, and none is left', async () => {
    const core = new FakeCore();
    const stop = new AbortController();
    const { signal } = stop;
    const one = core.map([1], { signal });
    const errors = [core.map([2], { signal }), core.map([3], { signal })].map(rejection);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    expect(core.submitted.every(({ options }) => options.signal === undefined)).toBe(true);
    core.resolve(1);
    await one;
    stop.abort(new Error('enough'));
    for (const error of await Promise.all(errors)) expect(error.message).toBe('enough');

    const done = new AbortController();
    core.answer = () => 1;
    await core.map([1], { signal: done.signal });
    expect(getEventListeners(done.signal, 'abort')).toEqual([]);
  });

  test('with a signal that has already fired, nothing is read from the input', async () => {
    const core = new FakeCore();
    const { items, seen } = counted();
    expect((await rejection(core.map(items, { signal: AbortSignal.abort(new Error('before')) }))).message).toBe('before');
    expect(seen.pulled).toBe(0);
    expect(await core.map(items, { signal: AbortSignal.abort() }).settled()).toEqual([]);
  });
});

describe('the pool', () => {
  test('a full queue makes the batch wait, not fail', async () => {
    const core = new FakeCore();
    core.options.queueLimit = 2;
    const all = core.map([0, 1, 2, 3, 4]).then((values) => values);
    await settle();
    expect(core.inFlight).toEqual([0, 1]);
    core.resolve(0);
    await settle();
    expect(core.inFlight).toEqual([1, 2]);
    for (const item of [1, 2, 3, 4]) {
      core.resolve(item);
      await settle();
    }
    expect(await all).toEqual([0, 1, 2, 3, 4]);
  });

  test('an empty input needs no place in the queue', async () => {
    const core = new FakeCore();
    core.options.queueLimit = 1;
    core.queue.size = 1;
    expect(await core.map([])).toEqual([]);
  });

  test('one that closes refuses items that are not yet submitted, and those in flight settle by themselves', async () => {
    const core = new FakeCore();
    const { items, seen } = counted();
    const batch = core.map(items, { bufferSize: 2 });
    const settled = batch.settled();
    core.close();
    await settle();
    expect(seen.returned).toBe(1);
    expect(core.endings).toEqual([]);
    core.resolve(0);
    core.resolve(1);
    const outcomes = await settled;
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect((outcomes[2] as PromiseRejectedResult).reason).toBeInstanceOf(PoolClosedError);
  });

  test('one that closes does not refuse a batch whose items are all submitted', async () => {
    const core = new FakeCore();
    const all = core.map([0, 1], { bufferSize: 2 }).then((values) => values);
    core.close();
    await settle();
    core.resolve(0);
    core.resolve(1);
    expect(await all).toEqual([0, 1]);
  });

  test('one that is already closed refuses immediately, and nothing is read from the input', async () => {
    const core = new FakeCore();
    core.close();
    const { items, seen } = counted();
    expect(await rejection(core.map(items))).toBeInstanceOf(PoolClosedError);
    expect(seen.pulled).toBe(0);
  });

  test('one that closes ends an input that never answers', async () => {
    const core = new FakeCore();
    let returned = 0;
    const items = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(noop),
        return: async () => {
          returned += 1;
          return { done: true as const, value: undefined };
        },
      }),
    };
    const error = rejection(core.map(items));
    await settle();
    core.close();
    expect(await error).toBeInstanceOf(PoolClosedError);
    expect(returned).toBe(1);
  });

  test('nothing is decided in the middle of a settlement', async () => {
    const core = new FakeCore();
    const error = rejection(core.map([0, 1, 2]));
    const records = [...core.submitted];
    // As a pool that breaks does it: it settles each of a list that it has made before.
    for (const record of records) core.settle(record, new Error(`broken ${String(record.item)}`));
    expect((await error).message).toBe('broken 0');
  });
});

describe('progress', () => {
  test('counts, and knows the total when it can', async () => {
    const core = new FakeCore();
    const batch = core.map(new Set([0, 1, 2, 3]), { onError: 'continue' });
    const end = rejection(batch);
    expect(batch.progress).toEqual({ total: 4, done: 0, failed: 0, running: 0, perSecond: 0, etaMs: undefined });
    core.resolve(0);
    core.reject(1);
    await settle();
    expect(batch.progress).toMatchObject({ total: 4, done: 2, failed: 1 });
    expect(batch.progress.perSecond).toBeGreaterThan(0);
    expect(batch.progress.etaMs).toBeGreaterThan(0);
    core.resolve(2);
    core.resolve(3);
    await end;
    expect(batch.progress).toMatchObject({ done: 4, failed: 1, etaMs: 0 });

    const endless = core.map(counted(9).items, { bufferSize: 1 });
    expect(endless.progress.total).toBeUndefined();
    await endless.cancel();
  });

  test('is reported at most every 100 ms and once at the end, and a listener that throws harms nothing', async () => {
    const core = new FakeCore();
    const warnings: string[] = [];
    const hear = (warning: Error): number => warnings.push(warning.message);
    process.on('warning', hear);
    try {
      const reported: number[] = [];
      const batch = core.map(Array.from({ length: 50 }, (_, index) => index));
      batch
        .onProgress(() => {
          throw new Error('listener');
        })
        .onProgress(({ done }) => reported.push(done));
      const all = batch.then((values) => values.length);
      const start = performance.now();
      for (let i = 0; i < 50; i += 1) {
        await settle();
        core.resolve(i);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      expect(await all).toBe(50);
      await settle();
      expect(reported.at(-1)).toBe(50);
      expect(reported.length).toBeLessThanOrEqual((performance.now() - start) / 100 + 2);
      expect(reported.length).toBeGreaterThan(2);
      expect(warnings.length).toBe(reported.length);
      expect(core.timers.size).toBe(0);
      const late: number[] = [];
      batch.onProgress(({ done }) => late.push(done));
      await settle();
      expect(late).toEqual([50]);
    } finally {
      process.off('warning', hear);
    }
  });
});
