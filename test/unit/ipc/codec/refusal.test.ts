import { describe, expect, it } from 'vitest';
import { decode, describe as describeValue, encode, UnserialisableError } from '../../../../src/ipc/codec/codec.js';
import { isLong } from '../../../kit/long.js';

const nothing = (): void => undefined;
function* counting(): Generator<number> {
  yield 1;
}
const broken = (error: unknown): object =>
  Object.defineProperty({}, 'it', {
    enumerable: true,
    get: () => {
      throw error;
    },
  });

function refusal(value: unknown, root?: string): UnserialisableError {
  try {
    encode(value, root);
  } catch (error) {
    expect(error).toBeInstanceOf(UnserialisableError);
    return error as UnserialisableError;
  }
  throw new Error('it was sent');
}

function nested(levels: number, wrap: (inner: unknown) => unknown, inner: unknown = 1): unknown {
  let value = inner;
  for (let i = 0; i < levels; i++) value = wrap(value);
  return value;
}

describe('a refusal names the path', () => {
  it.each<[string, unknown, string]>([
    ['a function by itself', nothing, 'args'],
    ['in an argument', [nothing], 'args[0]'],
    ['in objects', [{ user: { save: nothing } }], 'args[0].user.save'],
    ['behind what is fine', [1, 'a', new Date(), { a: [1, 2, Symbol('s')] }], 'args[3].a[2]'],
    ['under a key that is no name', [{ 'first name': { 'a"b': nothing } }], 'args[0]["first name"]["a\\"b"]'],
    ['under a key with other letters', [{ größe: { 1: nothing } }], 'args[0].größe["1"]'],
    ['under __proto__', [JSON.parse('{"__proto__":{"a":1}}'), { ['__proto__']: nothing }], 'args[1].__proto__'],
    ['as the value of a Map', [new Map([['k', { a: nothing }]])], 'args[0].get("k").a'],
    ['as the value under a key that is an object', [new Map([[{}, nothing]])], 'args[0].get(an object)'],
    [
      'as the key of a Map',
      [
        new Map<unknown, number>([
          ['a', 1],
          [{ b: nothing }, 2],
        ]),
      ],
      'args[0].keys()[1].b',
    ],
    ['as the member of a Set', [new Set([1, [nothing]])], 'args[0].values()[1][0]'],
    ['among holes', [Object.assign(new Array(4), { 1: 1, 3: nothing })], 'args[0][3]'],
    ['as a named property of an array', [Object.assign([1], { extra: nothing })], 'args[0].extra'],
    [
      'in an instance of a class',
      [
        new (class {
          handler = nothing;
        })(),
      ],
      'args[0].handler',
    ],
    ['in an object with a tag', [{ [Symbol.toStringTag]: 'Mine', a: { b: nothing } }], 'args[0].a.b'],
    [
      'in a cycle',
      [
        nested(1, (inner) => {
          const a: Record<string, unknown> = { inner };
          a['self'] = a;
          a['z'] = nothing;
          return a;
        }),
      ],
      'args[0].z',
    ],
  ])('%s', (_, value, path) => {
    const error = refusal(value, 'args');
    expect(error.path).toBe(path);
    expect(error.message).toMatch(/ cannot be sent to another process$/);
    expect(error.message.startsWith(`${path}: `)).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ['a symbol', Symbol('s'), 'the symbol Symbol(s) cannot'],
    ['a boxed symbol', Object(Symbol('s')), 'a Symbol cannot'],
    ['a WeakMap', new WeakMap(), 'a WeakMap cannot'],
    ['a WeakSet', new WeakSet(), 'a WeakSet cannot'],
    ['a WeakRef', new WeakRef({}), 'a WeakRef cannot'],
    ['a FinalizationRegistry', new FinalizationRegistry(nothing), 'a FinalizationRegistry cannot'],
    ['a Promise', Promise.resolve(), 'a Promise cannot'],
    ['a generator', counting(), 'a Generator cannot'],
    ['an iterator', [1][Symbol.iterator](), 'Iterator cannot'],
    ['a Proxy', new Proxy({}, {}), 'a Proxy cannot'],
    ['a Proxy of an array', new Proxy([], {}), 'a Proxy cannot'],
    ['a Proxy of a function', new Proxy(nothing, {}), 'a Proxy cannot'],
    [
      'a Proxy whose traps throw',
      new Proxy(
        {},
        {
          getPrototypeOf: () => {
            throw new Error('trap');
          },
        },
      ),
      'a Proxy cannot',
    ],
    ['Intl', new Intl.NumberFormat(), 'NumberFormat cannot'],
    ['shared memory', new SharedArrayBuffer(8), 'shared memory cannot'],
    ['a view on shared memory', new Uint8Array(new SharedArrayBuffer(8)), 'shared memory cannot'],
    ['a Blob', new Blob(['a']), 'a Blob cannot'],
    ['a port', new MessageChannel().port1, 'MessagePort cannot'],
  ])('and the kind: %s', (_, value, text) => {
    expect(refusal([{ it: value }], 'args')).toMatchObject({ path: 'args[0].it', message: expect.stringContaining(text) });
    expect(refusal({ it: value, beside: new Error('x') })).toMatchObject({ path: 'value.it', message: expect.stringContaining(text) });
  });

  it('and carries what a getter threw', () => {
    const thrown = new TypeError('no');
    expect(refusal([{ a: broken(thrown) }], 'args')).toMatchObject({
      path: 'args[0].a.it',
      message: 'args[0].a.it: its getter threw: TypeError: no',
      cause: thrown,
    });
    expect(refusal(broken(undefined))).toMatchObject({ cause: undefined });
    const list = Object.defineProperty([1], 1, {
      enumerable: true,
      get: () => {
        throw thrown;
      },
    });
    expect(refusal(list, 'args')).toMatchObject({ path: 'args[1]', cause: thrown });
  });

  it('and has a cause only where there is one', () => {
    expect(Object.hasOwn(refusal(nothing), 'cause')).toBe(false);
    expect(refusal([broken(5)]).cause).toBe(5);
  });
});

class Holder {
  readonly held: unknown;
  constructor(held: unknown) {
    this.held = held;
  }
}

/** More levels than any stack of Node has room for. */
const ABYSS = isLong ? 100_000 : 15_000;

describe('depth', () => {
  const kinds: Record<string, (inner: unknown) => unknown> = {
    arrays: (inner) => [inner],
    objects: (a) => ({ a }),
    Maps: (inner) => new Map([['a', inner]]),
    'keys of Maps': (inner) => new Map([[inner, 1]]),
    Sets: (inner) => new Set([inner]),
    'instances of a class': (inner) => new Holder(inner),
  };

  it.each(Object.entries(kinds))('an abyss of %s is refused', (_, wrap) => {
    for (const inner of isLong ? [1, undefined, new Error('x'), nothing] : [undefined, new Error('x')]) {
      const error = refusal(nested(ABYSS, wrap, inner), 'args');
      expect(error.message).toMatch(/nested/);
      expect(error.path.length).toBeLessThan(1000);
    }
  });

  it.each(Object.entries(kinds))('a thousand %s arrive', (_, wrap) => {
    for (const inner of isLong ? [1, undefined, new Error('x')] : [undefined]) {
      const { codec, body } = encode(nested(1000, wrap, inner));
      expect(() => decode(codec, Buffer.from(body as string), [])).not.toThrow();
    }
  });

  it('whatever is encoded can be decoded', () => {
    for (const inner of isLong ? [1, undefined, new Error('x')] : [undefined, new Error('x')]) {
      for (const wrap of Object.values(kinds)) {
        for (const levels of isLong ? [1499, 1501, 2500, 4000, 6000] : [inner === undefined ? 4000 : 1501]) {
          let encoded: ReturnType<typeof encode>;
          try {
            encoded = encode(nested(levels, wrap, inner));
          } catch (error) {
            expect(error).toBeInstanceOf(UnserialisableError);
            continue;
          }
          decode(encoded.codec, Buffer.from(encoded.body as string), []);
        }
      }
    }
  });

  it('an overflow on a stack that is nearly used up is a refusal too', () => {
    const value = nested(500, (a) => ({ a }), undefined);
    let outcomes = 0;
    const deeper = (): void => {
      try {
        deeper();
      } catch {
        // the stack is at its end: from here on up, there is a little more of it each time
      }
      if (outcomes > (isLong ? 200 : 5)) return;
      try {
        encode(value);
        outcomes += 1;
      } catch (error) {
        if (error instanceof UnserialisableError) outcomes += 1;
        else if (!(error instanceof RangeError)) throw error;
      }
    };
    deeper();
    expect(outcomes).toBeGreaterThan(0);
  });
});

describe('describe()', () => {
  it.each<[unknown, string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [-0, '-0'],
    [1.5, '1.5'],
    [10n, '10n'],
    ['text', '"text"'],
    ['x'.repeat(100), `"${'x'.repeat(60)}…"`],
    [Symbol('s'), 'the symbol Symbol(s)'],
    [nothing, 'a function (nothing)'],
    [() => 1, 'a function'],
    [{}, 'an object'],
    [[1, 2], 'an Array(2)'],
    [new Map(), 'a Map'],
    [new TypeError('m'), 'TypeError: m'],
    [new (class Account {})(), 'an Account'],
    [new Proxy({}, {}), 'a Proxy'],
  ])('of %o', (value, text) => {
    expect(describeValue(value)).toBe(text);
  });

  it('never throws', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    class Hostile {
      static get name(): string {
        throw new Error('name');
      }
      get [Symbol.toStringTag](): string {
        throw new Error('tag');
      }
    }
    const error = Object.defineProperty(new Error('m'), 'message', {
      get: () => {
        throw new Error('message');
      },
    });
    Object.defineProperty(Hostile.prototype, 'constructor', {
      get: () => {
        throw new Error('constructor');
      },
    });
    for (const value of [revoked.proxy, Hostile, new Hostile(), error, Object.create(null)]) {
      expect(describeValue(value)).toMatch(/^an? /);
    }
  });
});
