/** Values whose code does what it likes: getters, traps, classes, hooks of errors. */
import vm from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, describe as describeValue, encode, UnserialisableError } from '../../../../src/ipc/codec/codec.js';
import { isLong } from '../../../kit/long.js';

function sent<T>(value: T): T {
  const { codec, body, attachments } = encode(value);
  return decode(codec, Buffer.from((body ?? '') as string), [...attachments]) as T;
}

const odd = (): object => Object.create(null) as object;
const fail = (): never => {
  throw odd();
};
const throwing: ProxyHandler<object> = {
  get: fail,
  has: fail,
  ownKeys: fail,
  getPrototypeOf: fail,
  getOwnPropertyDescriptor: fail,
  isExtensible: fail,
};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};
const getter = (get: () => unknown, target: object = {}, key = 'trap'): object =>
  Object.defineProperty(target, key, { enumerable: true, get });

/** What `look` gives while the program has put something else there. */
function replaced<T>(targets: readonly object[], key: PropertyKey, descriptor: PropertyDescriptor, hasStarted: () => T): T {
  const before = targets.map((target) => Object.getOwnPropertyDescriptor(target, key));
  for (const target of targets) Object.defineProperty(target, key, { ...descriptor, configurable: true });
  try {
    return hasStarted();
  } finally {
    targets.forEach((target, index) => {
      const old = before[index];
      if (old === undefined) Reflect.deleteProperty(target, key);
      else Object.defineProperty(target, key, old);
    });
  }
}

describe('reading a value runs none of its code', () => {
  it('not that of its class', () => {
    class Sly {
      static get [Symbol.hasInstance](): never {
        return fail();
      }
      static get name(): never {
        return fail();
      }
      x = 1;
      get [Symbol.toStringTag](): never {
        return fail();
      }
      [Symbol.toPrimitive](): never {
        return fail();
      }
      valueOf(): never {
        return fail();
      }
      toString(): never {
        return fail();
      }
    }
    expect(sent([new Sly(), new Date(1)])).toEqual([{ x: 1 }, new Date(1)]);
    expect(describeValue(new Sly())).toBe('an object');
    expect(() => encode([{ sly: Sly }], 'args')).toThrow('args[0].sly: a function cannot be sent');
  });

  it.each<[string, () => object]>([
    ['a Proxy', () => new Proxy({}, throwing)],
    ['a revoked Proxy', revoked],
  ])('not %s among its prototypes', (_, make) => {
    const proxy = make();
    const value = Object.create(proxy, { a: { value: { b: 1 }, enumerable: true } }) as object;
    expect(sent([value, undefined])).toEqual([{ a: { b: 1 } }, undefined]);
    expect(sent(Object.setPrototypeOf([1, 2], proxy))).toEqual([1, 2]);
    expect(sent(Object.setPrototypeOf(new Map([[1, 2]]), proxy))).toEqual(new Map([[1, 2]]));
    const error = Object.setPrototypeOf(Object.defineProperty(new TypeError('m'), 'name', { value: 'Own' }), proxy) as Error;
    expect(sent(error)).toBeInstanceOf(Error);
  });

  it('not that which the program has put in the place of `instanceof`', () => {
    const value = [new TypeError('m'), new Map([[1, Buffer.from('x')]]), new URL('http://a/'), new DOMException('m', 'AbortError')];
    const classes = [Error, DOMException, Array, Map, Uint8Array, Buffer, URL];
    const [error, map, url] = replaced(classes, Symbol.hasInstance, { value: fail }, () => sent(value)) as [
      Error,
      Map<number, Buffer>,
      URL,
    ];
    expect([error.message, map.get(1)?.toString(), url.href]).toEqual(['m', 'x', 'http://a/']);
  });
});

describe('the code of a value harms only that value', () => {
  it.each<[string, () => unknown, string]>([
    ['an object that nothing can be made of', () => getter(fail), 'args[0].trap: its getter threw: an object'],
    [
      'undefined',
      () =>
        getter(() => {
          throw undefined as unknown as Error;
        }),
      'args[0].trap: its getter threw: undefined',
    ],
    [
      'a Proxy',
      () =>
        getter(() => {
          throw new Proxy({}, throwing);
        }),
      'args[0].trap: its getter threw: a Proxy',
    ],
    [
      'an error whose own getters throw',
      () =>
        getter(() => {
          throw getter(fail, new Error('m'), 'message');
        }),
      'args[0].trap: its getter threw: an Error',
    ],
    ['what it throws at an index', () => getter(fail, [1], '1'), 'args[0][1]: its getter threw: an object'],
    ['a Proxy that it gives', () => getter(() => new Proxy({}, throwing)), 'args[0].trap: a Proxy cannot be sent'],
    ['a function that it gives', () => getter(() => fail), 'args[0].trap: a function (fail) cannot be sent'],
    [
      'a getter that calls itself',
      () => {
        const self: object = getter(() => Reflect.get(self, 'trap'));
        return self;
      },
      'args[0].trap: its getter threw: RangeError',
    ],
  ])('a getter: %s', (_, make, message) => {
    for (const args of [[make()], [make(), new Error('beside')], [make(), undefined]]) {
      let error: unknown;
      try {
        encode(args, 'args');
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(UnserialisableError);
      expect((error as Error).message).toContain(message);
    }
  });

  it('a getter may change the value around it: what was there when it was read is sent, or refused', () => {
    const growing: Record<string, unknown> = { a: 1 };
    getter(() => {
      growing['late'] = fail;
      growing['a'] = fail;
      return 'x';
    }, growing);
    expect(sent(growing)).toEqual({ a: 1, trap: 'x' });
    const later: Record<string, unknown> = {};
    getter(() => {
      later['z'] = fail;
      return 'x';
    }, later);
    later['z'] = 1;
    expect(() => encode(later)).toThrow('value.z: a function');
    const shrinking = [1, {}, 3];
    getter(() => {
      shrinking.length = 1;
      return 'x';
    }, shrinking[1] as object);
    expect(sent(shrinking)[0]).toBe(1);
    const long: unknown[] = Array.from({ length: 100 }, (_, index) => index);
    long[1] = getter(() => {
      long.length = 2;
      return 'x';
    });
    expect(() => encode(long)).toThrow('a getter in it has taken items out of it');
    const map = new Map<unknown, unknown>([
      [
        'a',
        getter(() => {
          map.clear();
          return 1;
        }),
      ],
      ['b', 2],
    ]);
    expect(sent(map)).toEqual(
      new Map<unknown, unknown>([
        ['a', { trap: 1 }],
        ['b', 2],
      ]),
    );
  });

  it.each<[string, unknown]>([
    ['gives the call sites', (_: Error, sites: unknown) => sites],
    ['throws', fail],
    ['gives a symbol', () => Symbol('s')],
    ['gives a Proxy', () => new Proxy({}, throwing)],
    ['gives a function', () => fail],
  ])('a hook of stacks that %s costs an error its stack', (_, prepareStackTrace) => {
    const error = Object.assign(new TypeError('m', { cause: new RangeError('c') }), { code: 'E' });
    const hook = { value: prepareStackTrace, writable: true };
    const arrived = replaced([Error], 'prepareStackTrace', hook, () => sent([error])[0]) as TypeError & { code: string };
    expect(Object.getPrototypeOf(arrived)).toBe(TypeError.prototype);
    expect(arrived).toMatchObject({ message: 'm', code: 'E' });
    expect((arrived.cause as Error).message).toBe('c');
    expect(arrived.stack).toBeUndefined();
  });

  it('a limit of stacks that the program guards is left alone', () => {
    const { codec, body } = encode(new Error('m'));
    const decoded = (): unknown => decode(codec, Buffer.from(body as Buffer), []);
    expect(replaced([Error], 'stackTraceLimit', { get: fail, set: fail }, decoded)).toMatchObject({ message: 'm' });
  });

  it('any hostile value, anywhere, arrives or is refused by its path', () => {
    const hostile: readonly (() => unknown)[] = [
      () => getter(fail),
      () => new Proxy({}, throwing),
      revoked,
      () => Object.create(new Proxy({}, throwing)) as unknown,
      () => getter(fail, new Error('m'), 'stack'),
      () =>
        Object.freeze(
          new (class extends Error {
            get code(): never {
              return fail();
            }
            override get name(): never {
              return fail();
            }
          })(),
        ),
      () => Object.defineProperty(new Map([[1, 2]]), 'forEach', { value: fail }),
      () => Object.defineProperty(new Set([1]), Symbol.iterator, { value: fail }),
      () => Object.defineProperty(Buffer.from('x'), 'buffer', { get: fail }),
      () => Object.defineProperty(new Date(1), 'getTime', { value: fail }),
      () => Object.defineProperty(/x/, 'source', { get: fail }),
      () => Object.defineProperty([1], 'length', { writable: false }),
      () => Object.defineProperty({}, 'toJSON', { get: fail }),
      () => Object.assign(odd(), { constructor: null, valueOf: 1, toString: 2 }),
      () => vm.runInNewContext('new (class Foreign extends Error { get message() { throw Object.create(null); } })'),
      () => Object.setPrototypeOf(new Error('m'), null),
      () => Object.setPrototypeOf(new WeakMap(), null),
      () => Symbol('s'),
      () => fail,
    ];
    const wraps: readonly ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => new Map([[inner, inner]]),
      (inner) => new Set([inner, 1]),
      (inner) => Object.assign(new Error('outer'), { inner }),
      (inner) => new Error('outer', { cause: inner }),
      (inner) => new AggregateError([inner], 'all'),
      (inner) => getter(() => inner),
    ];
    fc.assert(
      fc.property(fc.nat(hostile.length - 1), fc.array(fc.nat(wraps.length - 1), { maxLength: 5 }), (which, around) => {
        const value = around.reduce<unknown>((inner, wrap) => wraps[wrap]?.(inner), hostile[which]?.());
        try {
          sent(value);
        } catch (error) {
          if (!(error instanceof UnserialisableError)) throw new Error(`hostile ${which} in ${String(around)}`, { cause: error });
        }
      }),
      { numRuns: isLong ? 3000 : 80 },
    );
  });
});

describe('values of another realm', () => {
  const foreign = vm.runInNewContext(`({
    plain: { a: [1, { b: 2 }] }, empty: [{}, [], ''], map: new Map([[{ k: 1 }, new Set([1])]]), date: new Date(5), regexp: /x/g,
    error: Object.assign(new RangeError('m', { cause: new TypeError('c') }), { code: 'E' }), own: new (class Own extends TypeError {})('o'),
    aggregate: new AggregateError([new EvalError('e')], 'all'), bytes: new Uint8Array([1, 2]), memory: new ArrayBuffer(2), boxed: Object(1n),
    instance: new (class Point { x = 1 })(), bare: Object.create(null),
  })`) as Record<string, unknown>;

  it('arrive as those of this one', () => {
    const arrived = sent(foreign);
    const { error, own, aggregate, ...rest } = arrived;
    expect(rest).toStrictEqual({
      plain: { a: [1, { b: 2 }] },
      empty: [{}, [], ''],
      map: new Map([[{ k: 1 }, new Set([1])]]),
      date: new Date(5),
      regexp: /x/g,
      bytes: new Uint8Array([1, 2]),
      memory: new ArrayBuffer(2),
      boxed: Object(1n),
      instance: { x: 1 },
      bare: {},
    });
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: 'm', code: 'E', cause: { name: 'TypeError', message: 'c' } });
    expect(own).toBeInstanceOf(TypeError);
    expect(own).toMatchObject({ name: 'Own', message: 'o' });
    expect(aggregate).toBeInstanceOf(AggregateError);
    expect((aggregate as AggregateError).errors[0]).toBeInstanceOf(EvalError);
  });
});
