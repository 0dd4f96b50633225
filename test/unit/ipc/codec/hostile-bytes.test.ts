import { Deserializer, Serializer, serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Codec, decode, encode } from '../../../../src/ipc/codec/codec.js';
import { isLong } from '../../../kit/long.js';

const SAMPLES: readonly unknown[] = [
  ['abc', { a: 1 }],
  [Object.assign(new Array(1000), { 5: 1, a: new Error('x') }), new Array(1000).fill(1), Object(1n), Object('s')],
  [undefined, new Map([[{ a: 1 }, new Set([1n])]]), /x/, new Date(0), new Array(3)],
  [new AggregateError([new TypeError('a', { cause: 1 })], 'm'), new DOMException('m', 'AbortError')],
  [Buffer.from('abc'), new Float64Array([1, 2]), new ArrayBuffer(8), Buffer.alloc(9000)],
  [new URL('http://a/?b#c'), new URLSearchParams('a=1&b=2'), new Headers({ a: 'b', 'set-cookie': 'c' })],
  [
    { __proto__: null, constructor: { prototype: { a: 1 } } },
    Object.assign(new Error('m'), { url: new URL('http://a/'), data: Buffer.from('x') }),
  ],
];
const PROTOTYPES: readonly object[] = [
  Object,
  Array,
  Map,
  Set,
  Error,
  TypeError,
  Date,
  RegExp,
  Uint8Array,
  Buffer,
  URL,
  Headers,
  Function,
  String,
].map(({ prototype }) => prototype as object);
const ownOf = (object: object): [PropertyKey, PropertyDescriptor | undefined][] =>
  Reflect.ownKeys(object).map((key) => [key, Object.getOwnPropertyDescriptor(object, key)]);

/** All the memory that a value can be reached through. */
function memoriesOf(value: unknown, met: Set<unknown> = new Set()): Set<unknown> {
  if (typeof value !== 'object' || value === null || met.has(value)) return met;
  met.add(value);
  if (ArrayBuffer.isView(value)) return met.add(value.buffer);
  if (value instanceof Map) for (const [key, held] of value) memoriesOf(held, memoriesOf(key, met));
  else if (value instanceof Set) for (const held of value) memoriesOf(held, met);
  else for (const key of Object.getOwnPropertyNames(value)) memoriesOf(Reflect.get(value, key), met);
  return met;
}

/** Any outcome is right but an end of the process, a hang, or a change to what others use. */
function attempt(codec: number, body: Buffer, attachments: readonly Buffer[]): unknown {
  try {
    return decode(codec, body, attachments);
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return undefined;
  }
}

describe('bytes that no codec wrote', () => {
  it('end in a value or in an error', () => {
    const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(fc.nat(5), bytes, fc.array(bytes, { maxLength: 3 }), (codec, body, attachments) => {
        attempt(codec, body, attachments);
        attempt(codec, Buffer.concat([Buffer.from([0xff, 0x0f]), body]), attachments);
      }),
      { numRuns: isLong ? 3000 : 60 },
    );
  });

  it('cut off or changed here and there, they do so too', () => {
    const changes = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(SAMPLES.length - 1), changes, fc.nat(), fc.boolean(), (sample, list, cut, isCut) => {
        const { codec, body, attachments } = encode(SAMPLES[sample]);
        const bytes = Buffer.from(body as string);
        for (const { at, to } of list) bytes[at % bytes.length] = to;
        attempt(codec, isCut ? bytes.subarray(0, cut % bytes.length) : bytes, attachments);
      }),
      { numRuns: isLong ? 5000 : 100 },
    );
  });

  it('that were changed here and there give no memory that others have, no code, and no other prototype', () => {
    const before = PROTOTYPES.map(ownOf);
    const changes = fc.array(
      fc.record({ at: fc.nat(), to: fc.oneof(fc.nat(255), fc.constantFrom(0x5c, 0x70, 0x75, 0x42, 0x56, 0x77, 0x7e)) }),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    fc.assert(
      fc.property(fc.nat(SAMPLES.length - 1), changes, fc.constantFrom(Codec.V8, Codec.Composite), (sample, list, codec) => {
        const { body, attachments } = encode(SAMPLES[sample]);
        const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(body as string));
        bytes.set(Buffer.from(body as string));
        for (const { at, to } of list) bytes[at % bytes.length] = to;
        for (const each of memoriesOf(attempt(codec, bytes, attachments))) {
          expect(each).not.toBe(bytes.buffer);
          expect(each).not.toBeInstanceOf(SharedArrayBuffer);
          expect(typeof each).not.toBe('function');
        }
      }),
      { numRuns: isLong ? Number(process.env['EVERPOOL_FUZZ_RUNS'] ?? 4000) : 80 },
    );
    expect(PROTOTYPES.map(ownOf)).toEqual(before);
  });

  it('leave the prototypes alone', () => {
    const before = [Object, Array, Error, Map].map(({ prototype }) => Reflect.ownKeys(prototype).length);
    const records = [['__proto__', { polluted: 1 }, true, 'constructor', 2, true, 'stack', 3, false]];
    decode(Codec.Json, Buffer.from('{"__proto__":{"polluted":1}}'), []);
    const error = decode(
      Codec.Composite,
      composite((out) => out.error(0, 0), records),
      [],
    ) as Error;
    expect(Object.getPrototypeOf(error)).toBe(Error.prototype);
    expect([Object, Array, Error, Map].map(({ prototype }) => Reflect.ownKeys(prototype).length)).toEqual(before);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
  });

  it('in an unknown codec, with no body or with no attachment, are errors that say so', () => {
    expect(() => decode(9, Buffer.alloc(0), [])).toThrow('unknown codec 9');
    for (const codec of [Codec.Json, Codec.V8, Codec.Composite]) expect(() => decode(codec, Buffer.alloc(0), [])).toThrow();
    const { codec, body } = encode([Buffer.alloc(9000)]);
    expect(() => decode(codec, body as Buffer, [])).toThrow('attachment 0 is missing');
    expect(() => decode(Codec.Composite, serialize([1]), [])).toThrow('without its table');
    expect(() => decode(Codec.Composite, serialize('text'), [])).toThrow('without its table');
  });

  it.each<[string, (out: Hostile) => void, unknown]>([
    ['an error without a record', (out) => out.error(5, 0), []],
    ['an error whose record is none', (out) => out.error(0, 0), ['text']],
    ['an error whose record is cut', (out) => out.error(0, 0), [['key', 1]]],
    ['an error with a property that has no name', (out) => out.error(0, 0), [[{}, 1, true]]],
    ['an error of an unknown kind', (out) => out.numbers(0, 0, 99), [[]]],
    ['a DOMException whose text is longer than the message', (out) => out.numbers(0, 0, 8, 0xffff_ffff), [[]]],
    ['data of an unknown type', (out) => out.numbers(200, 0, 0, 0, 0, 0), []],
    ['data longer than the message', (out) => out.numbers(1, 0, 0, 0xffff_ffff, 0, 0), []],
    ['data outside its memory', (out) => out.numbers(1, 0, 0, 0, 10, 0xffff_ffff), []],
    ['data in a memory that is not there', (out) => out.numbers(1, 7, 0, 0, 0, 0), []],
    ['data in an attachment that is not there', (out) => out.numbers(1, 0, 5, 0, 0), []],
  ])('%s is an error', (_, write, records) => {
    expect(() => decode(Codec.Composite, composite(write, records), [])).toThrow();
  });

  it('that name an attachment twice do not give it to two values', () => {
    const body = composite(
      (out) => out.numbers(1, 0, 1, 0, 4),
      [],
      (out) => out.numbers(1, 1, 1, 0, 4),
    );
    expect(() => decode(Codec.Composite, body, [Buffer.alloc(4)])).toThrow('attachment 0 is missing');
  });

  it('with lengths in the billions allocate nothing by them', () => {
    const before = process.memoryUsage();
    // Dense and sparse arrays, strings of one and two bytes, an ArrayBuffer, a BigInt, a view.
    for (const tag of ['A', 'a', '"', 'c', 'S', 'B', 'Z', '\\', 'o', ';', "'"]) {
      const body = Buffer.concat([Buffer.from([0xff, 0x0f, tag.charCodeAt(0)]), Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 1, 1, 1, 1])]);
      attempt(Codec.V8, body, []);
      attempt(Codec.Composite, body, []);
    }
    const after = process.memoryUsage();
    expect(after.external + after.heapUsed - before.external - before.heapUsed).toBeLessThan(100 * 1024 * 1024);
  });

  it('with a few bytes for many arrays of millions allocate none of them', () => {
    // Each would take 250 MB: together, they would end the process.
    const million = [0x61, ...varint(31_000_000), 0x40, 0, ...varint(31_000_000)];
    const many = Buffer.from([0xff, 0x0f, 0x41, 100, ...new Array<number[]>(100).fill(million).flat(), 0x24, 0, 100]);
    // Each claims all that is left of the stream, and is the first item of the one before.
    const left = 1_000_000;
    const nested = Buffer.concat([
      Buffer.from([0xff, 0x0f]),
      Buffer.alloc(8000, Buffer.from([0x41, ...varint(left)])),
      Buffer.alloc(left, 0x30),
    ]);
    const before = process.resourceUsage().maxRSS;
    for (const body of [many, nested]) {
      for (const codec of [Codec.V8, Codec.Composite]) expect(() => decode(codec, body, [])).toThrow('more items than they hold');
    }
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(200 * 1024);
  });

  it.each<[string, unknown]>([
    ['no record', 'text'],
    ['a record that is cut', [5, 'key']],
    ['no length', ['5']],
    ['a length that is none', [-1]],
    ['a length beyond the longest', [2 ** 32]],
    ['a key that is none', [5, {}, 1]],
    ['its length as a key', [5, 'length', 1]],
  ])('an array with holes and %s is an error', (_, record) => {
    expect(() =>
      decode(
        Codec.Composite,
        composite((out) => out.numbers(0, 0, 100), [record]),
        [],
      ),
    ).toThrow('an array w');
  });

  it('nested without end are errors', () => {
    const arrays = Buffer.concat([Buffer.from([0xff, 0x0f]), Buffer.alloc(400_000, Buffer.from([0x41, 0x01]))]);
    for (const codec of [Codec.V8, Codec.Composite]) expect(() => decode(codec, arrays, [])).toThrow();
    attempt(Codec.Json, Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)), []);
  });
});

/** Writes host objects as a hostile peer would. */
class Hostile extends Serializer {
  readonly #writes: ((out: Hostile) => void)[];

  constructor(writes: ((out: Hostile) => void)[]) {
    super();
    this.#writes = writes;
    (this as unknown as { _setTreatArrayBufferViewsAsHostObjects(flag: boolean): void })._setTreatArrayBufferViewsAsHostObjects(true);
  }

  _writeHostObject(): void {
    this.#writes.shift()?.(this);
  }

  error(index: number, kind: number): void {
    this.numbers(0, index, kind);
  }

  numbers(...numbers: number[]): void {
    for (const number of numbers) this.writeUint32(number);
  }
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

function composite(first: (out: Hostile) => void, records: unknown, second?: (out: Hostile) => void): Buffer {
  const out = new Hostile(second === undefined ? [first] : [first, second]);
  out.writeHeader();
  out.writeValue([second === undefined ? new Uint8Array(1) : [new Uint8Array(1), new Uint8Array(1)], records]);
  const bytes = out.releaseBuffer();
  expect(() => new Deserializer(bytes).readHeader()).not.toThrow();
  return bytes;
}
