/**
 * The input of a map, its items, its listeners and its readers are code of the program: they may
 * throw anything and call anything.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, test } from 'vitest';
import { EverpoolError, PoolClosedError } from '../../../../src/shared/errors.js';
import { FakeCore, settle } from '../../../kit/batch.js';

const odd: [string, unknown][] = [
  ['an object without a prototype', Object.create(null)],
  ['undefined', undefined],
  ['null', null],
  ['a symbol', Symbol('thrown')],
  ['a frozen object', Object.freeze({ message: 'frozen' })],
  [
    'a proxy that throws',
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('get');
        },
        getPrototypeOf: () => {
          throw new Error('getPrototypeOf');
        },
      },
    ),
  ],
];

const thrower = (value: unknown) => (): never => {
  throw value;
};

function withThen(object: object, then: (onItem: (result: unknown) => void, onError: (error: unknown) => void) => void): object {
  return Object.defineProperty(object, 'then', { value: then });
}

/** What it rejects with, wrapped: it may be anything. */
async function thrownBy(promise: PromiseLike<unknown>): Promise<{ thrown: unknown }> {
  try {
    await promise;
  } catch (thrown) {
    return { thrown };
  }
  throw new Error('it resolved');
}

/** `toBe` would print it, and with that run its code. */
function isThat(value: unknown, other: unknown): void {
  expect(Object.is(value, other)).toBe(true);
}

function echoing(): FakeCore {
  const core = new FakeCore();
  core.answer = (item) => item;
  return core;
}

/** Every place of an input that can throw. */
const places: [string, (value: unknown) => unknown][] = [
  ['the getter of Symbol.iterator', (value) => Object.defineProperty({}, Symbol.iterator, { get: thrower(value) })],
  ['the getter of Symbol.asyncIterator', (value) => Object.defineProperty([1], Symbol.asyncIterator, { get: thrower(value) })],
  ['Symbol.iterator', (value) => ({ [Symbol.iterator]: thrower(value) })],
  ['Symbol.asyncIterator', (value) => ({ [Symbol.asyncIterator]: thrower(value) })],
  ['the getter of next', (value) => ({ [Symbol.iterator]: () => Object.defineProperty({}, 'next', { get: thrower(value) }) })],
  ['next', (value) => ({ [Symbol.iterator]: () => ({ next: thrower(value) }) })],
  ['next of an asynchronous one', (value) => ({ [Symbol.asyncIterator]: () => ({ next: thrower(value) }) })],
  ['the promise of next', (value) => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(value) }) })],
  [
    'the getter of done',
    (value) => ({ [Symbol.iterator]: () => ({ next: () => Object.defineProperty({}, 'done', { get: thrower(value) }) }) }),
  ],
  [
    'the getter of value',
    (value) => ({ [Symbol.iterator]: () => ({ next: () => Object.defineProperty({ done: false }, 'value', { get: thrower(value) }) }) }),
  ],
  [
    'the getter of value, later',
    (value) => ({
      [Symbol.asyncIterator]: () => ({ next: async () => Object.defineProperty({ done: false }, 'value', { get: thrower(value) }) }),
    }),
  ],
  [
    'the getter of then',
    (value) => ({ [Symbol.asyncIterator]: () => ({ next: () => Object.defineProperty({}, 'then', { get: thrower(value) }) }) }),
  ],
  [
    'the constructor of its promise',
    (value) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Object.defineProperty(Promise.resolve({ done: false }), 'constructor', { get: thrower(value) }),
      }),
    }),
  ],
  ['the then of its promise', (value) => ({ [Symbol.asyncIterator]: () => ({ next: () => withThen(Promise.resolve(), thrower(value)) }) })],
  [
    'the length of what calls itself a list',
    (value) => new Proxy([1], { get: (list, key) => (key === 'length' ? thrower(value)() : Reflect.get(list, key)) }),
  ],
  [
    'the size of what calls itself a set',
    (value) =>
      new (class extends Set {
        override get size(): number {
          throw value;
        }
      })([1]),
  ],
];

describe('an input that throws', () => {
  for (const [place, make] of places) {
    test(`${place}: the batch fails with just that, whatever it is and however it is consumed`, async () => {
      for (const [, value] of odd) {
        const core = echoing();
        const map = () => core.map(make(value) as Iterable<unknown>);
        isThat((await thrownBy(map())).thrown, value);
        const outcomes = await map().settled();
        isThat((outcomes.at(-1) as PromiseRejectedResult).reason, value);
        const loop = async (): Promise<void> => {
          for await (const _outcome of map().outcomes()) await settle();
        };
        isThat((await thrownBy(loop())).thrown, value);
        expect(core.inFlight).toEqual([]);
        expect(core.timers.size).toBe(0);
      }
    });
  }

  test('a return() that throws, or never answers, changes nothing for a batch that has failed', async () => {
    const returns: unknown[] = [thrower(Object.create(null)), () => Promise.reject(undefined), () => new Promise(() => undefined), 5];
    for (const end of returns) {
      const core = new FakeCore();
      const items = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }), return: end }) };
      const failed = thrownBy(core.map(items as never, { bufferSize: 1 }));
      await settle();
      const error = core.reject(1);
      expect((await failed).thrown).toBe(error);
    }
  });

  test('an iterator that throws after its return is not heard', async () => {
    const core = new FakeCore();
    let fail: ((error: unknown) => void) | undefined;
    const items = {
      [Symbol.asyncIterator]: () => ({
        next: () =>
          new Promise<never>((_resolve, reject) => {
            fail = reject;
          }),
        return: () => Promise.reject(Object.create(null)),
      }),
    };
    const batch = core.map(items as never);
    const failed = thrownBy(batch);
    await batch.cancel('enough');
    fail?.(new Error('too late'));
    expect((await failed).thrown).toMatchObject({ reason: 'enough' });
    await settle();
  });
});

describe('an input by the rules of the language', () => {
  test('done may be anything truthy, and then the value is not read', async () => {
    for (const done of [true, 1, 'yes', {}]) {
      let left = 2;
      const next = () => {
        left -= 1;
        return left >= 0 ? { value: left } : Object.defineProperty({ done }, 'value', { get: thrower(new Error('asked')) });
      };
      expect(await echoing().map({ [Symbol.iterator]: () => ({ next }) } as never)).toEqual([1, 0]);
    }
  });

  test('next is read once, and is called on the iterator; its result may be a function with properties', async () => {
    let reads = 0;
    const iterator = {
      left: 3,
      get next() {
        reads += 1;
        return function next(this: { left: number }): unknown {
          this.left -= 1;
          return Object.assign(() => undefined, { done: this.left < 0, value: this.left });
        };
      },
    };
    expect(await echoing().map({ [Symbol.iterator]: () => iterator } as never)).toEqual([2, 1, 0]);
    expect(reads).toBe(1);
  });

  test('a property that changes with every reading is read once', async () => {
    let reads = 0;
    const items = Object.defineProperty({}, Symbol.iterator, {
      get: () => {
        reads += 1;
        return reads === 1 ? () => [1, 2][Symbol.iterator]() : undefined;
      },
    });
    expect(await echoing().map(items as never)).toEqual([1, 2]);
  });

  test('the same promise repeated is the same item repeated', async () => {
    const core = echoing();
    const again = Promise.resolve({ done: false, value: 7 });
    const iterator = core.map({ [Symbol.asyncIterator]: () => ({ next: () => again }) }, { bufferSize: 2 })[Symbol.asyncIterator]();
    for (let taken = 0; taken < 5; taken += 1) expect(await iterator.next()).toEqual({ done: false, value: 7 });
    await iterator.return?.();
  });

  test('a promise that calls back twice, with an item and then an error, resolves to the item', async () => {
    let left = 2;
    const next = () =>
      withThen({}, (onItem, onError) => {
        left -= 1;
        onItem({ done: left < 0, value: left });
        onItem({ done: true });
        onError(new Error('and this'));
        throw new Error('and that');
      });
    expect(await echoing().map({ [Symbol.asyncIterator]: () => ({ next }) } as never)).toEqual([1, 0]);
  });

  test.each([
    ['an iterator that is none', { [Symbol.iterator]: () => 5 }],
    ['an iterator without next', { [Symbol.iterator]: () => ({}) }],
    ['a next that is no function', { [Symbol.asyncIterator]: () => ({ next: 'soon' }) }],
    ['an answer that is none', { [Symbol.asyncIterator]: () => ({ next: async () => Symbol('none') }) }],
  ])('%s is a TypeError that says so', async (_what, items) => {
    const { thrown } = await thrownBy(echoing().map(items as never));
    expect(thrown).toBeInstanceOf(TypeError);
    expect((thrown as Error).message).toContain('the input');
  });
});

describe('code of the program that ends something in the middle', () => {
  /** Ends the pool as `kill`, `terminate` and `close` do for what is submitted later. */
  const ends: [string, (core: FakeCore) => void][] = [
    ['closes the pool', (core) => core.close()],
    [
      'closes it, and throws',
      (core) => {
        core.close();
        throw new RangeError('closed');
      },
    ],
  ];

  for (const [what, end] of ends) {
    test(`a getter of an item that ${what}: the item is refused and nothing is submitted to the pool any more`, async () => {
      for (const bufferSize of [1, 4]) {
        const core = echoing();
        const item = {
          get value() {
            end(core);
            return 1;
          },
        };
        const outcomes = await core.map([0, item, 2, 3], { bufferSize }).settled();
        expect(outcomes[0]).toEqual({ status: 'fulfilled', value: 0 });
        expect(outcomes[1]).toMatchObject({ status: 'rejected', reason: expect.any(EverpoolError) });
        expect(outcomes.at(-1)).toMatchObject({ status: 'rejected', reason: expect.any(PoolClosedError) });
        expect(core.inFlight).toEqual([]);
      }
    });
  }

  test('next() that closes the pool, cancels its batch, or reads it: the batch ends, and each item settles once', async () => {
    const acts: ((core: FakeCore, batch: () => ReturnType<FakeCore['map']>) => void)[] = [
      (core) => core.close(),
      (_core, batch) => void batch().cancel('from next()'),
      (_core, batch) => void batch().kill('from next()'),
      (_core, batch) => void batch()[Symbol.asyncIterator]().return?.(),
      (_core, batch) =>
        void batch()
          .settled()
          .catch(() => undefined),
    ];
    for (const act of acts) {
      for (const isAsync of [false, true]) {
        const core = echoing();
        let count = 0;
        let returned = 0;
        const batch: ReturnType<FakeCore['map']> = core.map(
          {
            [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => ({
              next: () => {
                count += 1;
                if (count === 4) act(core, () => batch);
                return { done: count > 6, value: count };
              },
              return: () => {
                returned += 1;
                return {};
              },
            }),
          } as never,
          { bufferSize: 2 },
        );
        const seen: unknown[] = [];
        await settle();
        await Promise.race([
          (async () => {
            for await (const value of batch) seen.push(value);
          })().catch(() => undefined),
          new Promise((resolve) => setTimeout(resolve, 100)),
        ]);
        expect(core.inFlight).toEqual([]);
        expect(returned).toBeLessThanOrEqual(1);
        expect(new Set(seen).size).toBe(seen.length);
      }
    }
  });

  test('a pool that is revived by its input goes on with the item that was just yielded', async () => {
    const core = new FakeCore();
    function* items(): Generator<number> {
      yield 0;
      yield 1;
      core.poolState.state = 'open';
      yield 2;
      yield 3;
    }
    const all = core.map(items(), { bufferSize: 2 }).settled();
    await settle();
    core.poolState.state = 'broken';
    core.answer = (item) => item;
    core.resolve(0);
    core.resolve(1);
    expect(await all).toEqual([0, 1, 2, 3].map((value) => ({ status: 'fulfilled', value })));
  });
});

describe('listeners and readers', () => {
  test('onProgress may throw anything, cancel, or listen again: every listener is called to the end', async () => {
    for (const [, value] of odd) {
      const core = new FakeCore();
      const batch = core.map([1, 2, 3]);
      const failed = thrownBy(batch);
      let calls = 0;
      batch.onProgress(thrower(value));
      batch.onProgress(() => {
        calls += 1;
        if (calls === 1) batch.onProgress(thrower(value));
        void batch.cancel(value);
      });
      core.resolve(1);
      expect((await failed).thrown).toBeInstanceOf(EverpoolError);
      await settle();
      expect(calls).toBeGreaterThan(1);
    }
  });

  test('cancel and kill take any reason', async () => {
    for (const [, reason] of odd) {
      const core = new FakeCore();
      const batch = core.map([1]);
      const failed = thrownBy(batch);
      await batch.cancel(reason);
      isThat(((await failed).thrown as { reason: unknown }).reason, reason);
    }
  });

  test('of two uses of one batch the first decides, and the other says so', async () => {
    const core = echoing();
    const batch = core.map([1, 2, 3]);
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const value of batch) seen.push(value);
    })();
    expect((await thrownBy(batch)).thrown).toMatchObject({ code: 'ERR_EVERPOOL_BATCH' });
    await loop;
    expect(seen).toEqual([1, 2, 3]);
    const other = core.map([1, 2, 3]);
    const all = other.then((values) => values);
    expect(() => other[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'ERR_EVERPOOL_BATCH' }));
    expect(await all).toEqual([1, 2, 3]);
  });

  test('a reader that returns twice while it waits gets both answers', async () => {
    const core = new FakeCore();
    const iterator = core.map([1, 2])[Symbol.asyncIterator]();
    const waiting = iterator.next();
    const returns = [iterator.return?.(), iterator.return?.()];
    expect(await waiting).toEqual({ done: true, value: undefined });
    for (const each of returns) expect(await each).toEqual({ done: true, value: undefined });
    expect(core.inFlight).toEqual([]);
  });
});

describe('the context of the call', () => {
  const storage = new AsyncLocalStorage<string>();

  /** An input that records the context in which each part of it runs. */
  function noting(isAsync: boolean, count: number): { items: AsyncIterable<unknown>; seen: Set<string> } {
    const seen = new Set<string>();
    const controlFile = (what: string): void => void seen.add(`${what} as ${storage.getStore()}`);
    let given = 0;
    const next = () => {
      controlFile('next');
      given += 1;
      const result = { done: given > count } as Record<string, unknown>;
      const item = {
        get value() {
          controlFile('item');
          return 1;
        },
      };
      return Object.defineProperty(result, 'value', {
        get: () => {
          controlFile('value');
          return item;
        },
      });
    };
    const end = (): object => {
      controlFile('return');
      return {};
    };
    const iterator = () => {
      controlFile('iterator');
      return { next: isAsync ? async () => next() : next, return: end };
    };
    return { items: { [isAsync ? Symbol.asyncIterator : Symbol.iterator]: iterator } as never, seen };
  }

  for (const isAsync of [false, true]) {
    test(`${isAsync ? 'an asynchronous' : 'a synchronous'} input and the listeners run as the call that made the batch, whoever makes it go on`, async () => {
      const core = new FakeCore();
      const { items, seen } = noting(isAsync, 1000);
      const batch = storage.run('caller', () => core.map(items, { bufferSize: 1 }));
      const iterator = storage.run('reader', () => batch[Symbol.asyncIterator]());
      storage.run('listener', () => batch.onProgress(() => void seen.add(`progress as ${storage.getStore()}`)));
      for (let taken = 0; taken < 3; taken += 1) {
        await storage.run('worker', async () => {
          while (core.inFlight.length === 0) await settle();
          const record = core.submitted.find(({ isSettled }) => !isSettled);
          core.settle(record as never, 'result');
        });
        await storage.run('reader', () => iterator.next());
      }
      await storage.run('leaver', () => iterator.return?.());
      await settle();
      const parts = ['iterator', 'next', 'value', 'item', 'return', 'progress'];
      expect([...seen].sort()).toEqual(parts.map((part) => `${part} as caller`).sort());
    });
  }
});
