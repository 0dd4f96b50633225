import { deepStrictEqual } from 'node:assert/strict';
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import vm from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Codec, decode, encode } from '../../../../src/ipc/codec/codec.js';
import { isLong } from '../../../kit/long.js';

/** What arrives at the other side, in memory of its own. */
function sent(value: unknown): unknown {
  const { codec, body, attachments } = encode(value);
  return decode(codec, owned(body ?? ''), attachments.map(owned));
}

function owned(bytes: string | Buffer): Buffer {
  const source = Buffer.from(bytes as string);
  const copy = Buffer.allocUnsafeSlow(source.length);
  copy.set(source);
  return copy;
}

/** Throws unless both graphs have the same form: what is shared in one is shared in the other. */
function sameForm(one: unknown, other: unknown, met: Map<unknown, unknown> = new Map(), others: Set<unknown> = new Set()): void {
  if (typeof one !== 'object' || one === null) return;
  if (met.has(one)) {
    if (met.get(one) !== other) throw new Error('shared in one, apart in the other');
    return;
  }
  if (others.has(other)) throw new Error('apart in one, shared in the other');
  met.set(one, other);
  others.add(other);
  if (one instanceof Map) sameForm([...one], [...(other as Map<unknown, unknown>)], met, others);
  else if (one instanceof Set) sameForm([...one], [...(other as Set<unknown>)], met, others);
  else for (const key of Object.keys(one)) sameForm(Reflect.get(one, key), Reflect.get(other as object, key), met, others);
}

/** Objects, arrays, Maps and Sets that refer to each other at will. */
const graph: fc.Arbitrary<unknown> = fc
  .array(
    fc.record({ kind: fc.nat(3), edges: fc.array(fc.nat(39), { maxLength: 4 }), leaf: fc.anything({ withDate: true, maxDepth: 1 }) }),
    {
      minLength: 1,
      maxLength: 40,
    },
  )
  .map((plan) => {
    const nodes = plan.map(({ kind }) => [() => ({}), () => [], () => new Map(), () => new Set()][kind]?.() as object);
    for (const [index, { edges, leaf }] of plan.entries()) {
      const node = nodes[index];
      for (const [at, held] of [leaf, ...edges.map((edge) => nodes[edge % nodes.length])].entries()) {
        if (node instanceof Map) node.set(at % 2 === 0 ? held : `key ${at}`, held);
        else if (node instanceof Set) node.add(held);
        else Reflect.set(node as object, Array.isArray(node) ? at : `key ${at}`, held);
      }
    }
    return nodes[0];
  });

const anything: fc.Arbitrary<unknown> = fc
  .anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
    stringUnit: fc.oneof(
      fc.nat(0x10ffff).map((point) => String.fromCodePoint(point)),
      fc.constantFrom('\ud800', '\udc00', '\0', '"', '\\'),
    ),
  })
  // Node 20 takes two invalid dates for different; they have a test of their own.
  .filter((value) => !inspect(value, { depth: null, maxArrayLength: null }).includes('Invalid Date'));

/** An array with items only here and there. */
function holed(length: number, items: Record<number, unknown>): unknown[] {
  return Object.assign(new Array<unknown>(length), items);
}

class Point {
  x = 1;
  #hidden = 2;
  get sum(): number {
    return this.x + this.#hidden;
  }
}

const shared = { a: 1 };
const cycle: unknown[] = [1];
cycle.push({ cycle }, new Map([[cycle, new Set([cycle])]]));

const sparse = holed(1000, { 3: shared });
sparse[500] = { sparse, shared };

const VALUES: Record<string, unknown> = {
  'no arguments': [],
  primitives: [1, -1.5, 'text', true, false, null, 2 ** 53, 1e300, 5e-324],
  'what JSON loses': [undefined, Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 10n ** 40n, -1n],
  'undefined in an object': { a: undefined, b: 1 },
  dates: [new Date(0), new Date(-1)],
  'regular expressions': [/a(?<b>c)/giu, /\//],
  boxed: [Object(1), Object('text'), Object(true), Object(1n)],
  'a Map and a Set': [new Map<unknown, unknown>([[{ a: 1 }, new Set([1, undefined])]]), new Set([[1], 'x'])],
  'holes at the beginning, between, and at the end': [
    holed(2, { 1: 1 }),
    holed(3, { 0: 1, 2: 2 }),
    holed(3, {}),
    holed(3, { 0: 1, 2: undefined }),
  ],
  'a sparse array': Object.assign([1], { 1000000000: 2 }),
  'named properties of an array': 'abc'.match(/b/),
  'named properties of an empty array': Object.assign([], { a: { b: 1 } }),
  'a large array': Array.from({ length: 10_001 }, (_, index) => index),
  'a large array with a hole': Object.assign(
    Array.from({ length: 10_001 }, (_, index) => index),
    { 10003: 'x' },
  ),
  'a large array with a name': Object.assign(
    Array.from({ length: 10_001 }, () => 'x'),
    { last: { y: 1 } },
  ),
  'a large array filled later': new Array(1000).fill(7),
  'holes around the length that is left to V8': [holed(32, { 5: 1 }), holed(33, { 5: 1 }), holed(33, {})],
  'holes by the million': [isLong ? holed(31_000_000, { 7: 'x', 30000000: { y: 1 } }) : holed(200_000, { 7: 'x', 199999: { y: 1 } })],
  'a large array of objects with a name': Object.assign(
    Array.from({ length: 10_001 }, (_, index) => ({ index })),
    { last: 'x' },
  ),
  'a cycle': cycle,
  'a cycle through holes': [sparse, shared],
  'one object twice': [shared, shared],
  'more objects than a handful, one of them twice': [...Array.from({ length: 30 }, () => ({})), shared, shared],
  'no prototype': Object.assign(Object.create(null), { a: 1, rawJSON: '1' }),
  'an instance of a class': new Point(),
  'a subclass of Array and of Map': [class extends Array {}.from([1, 2]), new (class extends Map<number, number> {})([[1, 2]])],
  'another realm': vm.runInNewContext('({ a: [1, { b: new Map([[1, new Date(3)]]) }] })'),
  'own keys that objects inherit': JSON.parse('{"__proto__":{"x":1},"constructor":1,"toString":2,"hasOwnProperty":3,"toJSON":4}'),
  'keys that look like indices': { 10: 'a', 9: 'b', z: 'c', '-1': 'd', '01': 'e' },
  'symbol keys and keys that are not enumerable': Object.defineProperty({ a: 1, [Symbol('s')]: 2 }, 'hidden', { value: 3 }),
  'lone surrogates': ['\ud800', 'a\udc00b', { '\udfff': '😀' }],
  'characters that JSON escapes': ['\0\u2028"\\\n', 'é', '日本'],
  'a long string': 'x'.repeat(100_000),
  'a long string of two bytes a character': 'ж'.repeat(100_000),
  'fractions by the hundred': Array.from({ length: 500 }, (_, index) => index / 7),
  'records by the hundred': Array.from({ length: 200 }, (_, id) => ({
    id,
    name: `name ${id}`,
    tags: ['a', 'b'],
    at: { x: id / 3, y: null },
  })),
  'an empty key': { '': { '': [] } },
};

describe('every value arrives as structured clone would copy it', () => {
  it.each(Object.entries(VALUES))('%s', (_, value) => {
    const expected = structuredClone(value);
    const arrived = sent(value);
    deepStrictEqual(arrived, expected);
    sameForm(arrived, expected);
    deepStrictEqual(sent([value, shared]), structuredClone([value, shared]));
    // Beside an error, everything takes the slow way.
    const [slow] = sent([value, new Error('beside')]) as unknown[];
    deepStrictEqual(slow, expected);
    sameForm(slow, expected);
  });

  it('whatever fast-check generates', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const expected = structuredClone(value);
        deepStrictEqual(sent(value), expected);
        deepStrictEqual((sent([value, new Error('beside')]) as unknown[])[0], expected);
      }),
      { numRuns: isLong ? 1500 : 30 },
    );
  });

  it('with shared values and cycles', () => {
    fc.assert(
      fc.property(graph, (value) => {
        const expected = structuredClone(value);
        sameForm(sent(value), expected);
        sameForm((sent([value, new Error('beside')]) as unknown[])[0], expected);
      }),
      { numRuns: isLong ? 500 : 30 },
    );
  });

  it('with errors among the named properties of a long array, which V8 alone would strip', () => {
    const list = Object.assign(new Array(20_000).fill(1), { failed: Object.assign(new TypeError('m'), { code: 'E' }), at: new Date(1) });
    expect(sent([list])).toMatchObject([{ failed: { name: 'TypeError', code: 'E' }, at: new Date(1), length: 20_000 }]);
    expect(() => encode([Object.assign(new Array(20_000).fill(1), { f: () => 1 })])).toThrow('value[0].f: a function');
  });

  it('with invalid dates', () => {
    for (const value of [new Date(Number.NaN), new Error('beside')]) {
      const [date] = sent([new Date(Number.NaN), value]) as [Date];
      expect(date).toBeInstanceOf(Date);
      expect(date.getTime()).toBeNaN();
    }
  });

  it('with strings exact to the last code unit', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const text = String.fromCharCode(...units);
        expect(sent([text, { [text]: 1 }])).toStrictEqual([text, { [text]: 1 }]);
      }),
    );
  });
});

describe('the codec of a value', () => {
  it.each<[string, unknown, number]>([
    ['undefined', undefined, Codec.Undefined],
    ['no arguments', [], Codec.Json],
    ['plain data', ['abc', { a: [1, null, true] }], Codec.Json],
    ['text', 'short', Codec.Json],
    ['long text', 'x'.repeat(5000), Codec.V8],
    ['many fractions', VALUES['fractions by the hundred'], Codec.V8],
    ['minus zero', -0, Codec.V8],
    ['undefined inside', [undefined], Codec.V8],
    ['an object met twice', [shared, shared], Codec.V8],
    ['a Date', [new Date()], Codec.V8],
    ['an error', new Error('x'), Codec.Composite],
    ['a Buffer', [Buffer.from('x')], Codec.Composite],
    [
      'a getter',
      {
        get a() {
          return 1;
        },
      },
      Codec.Composite,
    ],
  ])('%s', (_, value, codec) => {
    expect(encode(value).codec).toBe(codec);
  });

  it('comes with a body to write, and its approximate size', () => {
    expect(encode(undefined)).toMatchObject({ body: undefined, bytes: 0 });
    expect(encode([1, 2])).toMatchObject({ body: '[1,2]', bytes: 5, attachments: [] });
    expect(encode(new Date()).body).toBeInstanceOf(Buffer);
    expect(encode([Buffer.alloc(100_000)]).bytes).toBeGreaterThan(100_000);
  });
});

describe("the user's code", () => {
  it('runs a getter once, in every codec', () => {
    const beside = [undefined, new Date(), new Error('x'), Buffer.alloc(9000), shared];
    for (const held of [1, ...beside]) {
      let calls = 0;
      const value = {
        held,
        get counted(): number {
          calls += 1;
          return calls;
        },
      };
      expect(sent([value, 1, { deep: value }])).toMatchObject([{ counted: 1 }, 1, { deep: { counted: 1 } }]);
      expect(calls).toBe(1);
    }
  });

  it('never has its toJSON called, wherever that is', () => {
    const toJSON = (): never => {
      throw new Error('called');
    };
    const hidden = Object.defineProperty({ a: 1 }, 'toJSON', { value: toJSON });
    const hiddenInArray = Object.defineProperty([1], 'toJSON', { value: toJSON });
    class Money {
      cents = 5;
      toJSON = undefined;
    }
    Reflect.set(Money.prototype, 'toJSON', toJSON);
    class List extends Array {
      toJSON(): never {
        return toJSON();
      }
    }
    expect(sent([hidden, hiddenInArray, new Money(), List.from([1])])).toStrictEqual([{ a: 1 }, [1], { cents: 5, toJSON: undefined }, [1]]);
    expect(() => encode({ toJSON })).toThrow('value.toJSON: a function (toJSON) cannot be sent');
  });

  it('may have changed Object.prototype and Array.prototype', () => {
    const changes: [object, string, PropertyDescriptor][] = [
      [Object.prototype, 'polluted', { value: 'x', enumerable: true }],
      [Object.prototype, 'get', { value: 'x', enumerable: true }],
      [Object.prototype, 'a', { set: (value: unknown) => value, get: () => 'inherited' }],
      [Object.prototype, 'toJSON', { value: () => 'x' }],
      [Array.prototype, 'toJSON', { value: () => 'x' }],
      [Array.prototype, '0', { value: 'x', writable: true }],
    ];
    const value = { a: [1, { a: 2, b: [] }], d: holed(2, { 1: 1 }) };
    const expected = structuredClone(value);
    for (const [prototype, key, descriptor] of changes) {
      Object.defineProperty(prototype, key, { ...descriptor, configurable: true });
      let arrived: unknown;
      let beside: unknown;
      try {
        arrived = sent(value);
        beside = sent([value, new Error('beside')]);
      } finally {
        Reflect.deleteProperty(prototype, key);
      }
      deepStrictEqual(arrived, expected, key);
      deepStrictEqual((beside as unknown[])[0], expected, key);
    }
  });

  it('may call the codec from within a getter', () => {
    const list: unknown[] = [{ a: 1 }];
    Object.defineProperty(list, 1, { enumerable: true, get: () => sent([shared, shared]) });
    list.push(shared, shared);
    const [, within, one, other] = sent(list) as object[];
    expect(within).toStrictEqual([shared, shared]);
    expect(one).toBe(other);
  });

  it('is not touched by what arrives: own __proto__ keys stay keys', () => {
    const evil = JSON.parse('{"__proto__":{"polluted":true},"a":[{"__proto__":null}]}') as object;
    for (const value of [evil, [evil, new Date()], [evil, new Error('x')]]) {
      const arrived = sent(value);
      deepStrictEqual(Array.isArray(arrived) ? arrived[0] : arrived, evil);
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
    }
  });

  it('is not kept alive once it is encoded (G12)', async () => {
    setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc') as () => void;
    const held = new WeakRef(Array.from({ length: 20 }, () => ({})));
    encode(held.deref());
    await new Promise(setImmediate);
    gc();
    expect(held.deref()).toBeUndefined();
  });
});
