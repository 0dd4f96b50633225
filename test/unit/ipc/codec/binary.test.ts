import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Codec, decode, type Encoded, encode } from '../../../../src/ipc/codec/codec.js';

function owned(bytes: string | Buffer): Buffer {
  const source = Buffer.from(bytes as string);
  const copy = Buffer.allocUnsafeSlow(source.length);
  copy.set(source);
  return copy;
}

function arrived<T>({ codec, body, attachments }: Encoded): T {
  return decode(codec, owned(body ?? ''), attachments.map(owned)) as T;
}

function sent<T>(value: T): T {
  return arrived(encode(value));
}

const SIZES = [0, 1, 8, 63, 4096, 8 * 1024 - 8, 8 * 1024, 64 * 1024 - 8, 64 * 1024, 1_000_000];
const VIEWS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
];

function filled(length: number): ArrayBuffer {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 7 + 1) & 0xff;
  return bytes.buffer;
}

describe('binary data arrives as it was', () => {
  it.each(VIEWS)('%o, of any size', (View) => {
    for (const size of SIZES) {
      const length = size - (size % 8);
      const items = 'BYTES_PER_ELEMENT' in View ? length / View.BYTES_PER_ELEMENT : length;
      const view: ArrayBufferView = Reflect.construct(View, [filled(length + 16), 8, items]);
      for (const value of [sent([view])[0], sent([view, new Error('beside')])[0]] as DataView[]) {
        expect(Object.getPrototypeOf(value)).toBe(View.prototype);
        expect(Buffer.compare(bytesOf(value), bytesOf(view))).toBe(0);
        expect(value.byteOffset).toBe(0);
        expect(value.buffer.byteLength).toBe(length);
      }
    }
  });

  it('a Buffer of any size: a Buffer, with its bytes and nothing around them', () => {
    for (const size of SIZES) {
      const buffer = Buffer.from(filled(size + 20), 10, size);
      const [value, pooled] = sent([buffer, Buffer.from('pooled')]) as [Buffer, Buffer];
      expect(Buffer.isBuffer(value)).toBe(true);
      expect(value.equals(buffer)).toBe(true);
      expect([value.byteOffset, value.buffer.byteLength]).toEqual([0, size]);
      expect([pooled.toString(), pooled.byteOffset, pooled.buffer.byteLength]).toEqual(['pooled', 0, 6]);
    }
  });

  it('an ArrayBuffer of any size', () => {
    for (const size of SIZES) {
      const value = sent([filled(size)])[0] as ArrayBuffer;
      expect(value).toBeInstanceOf(ArrayBuffer);
      expect(Buffer.from(value).equals(Buffer.from(filled(size)))).toBe(true);
    }
  });

  it.runIf('Float16Array' in globalThis)('a Float16Array', () => {
    const View = Reflect.get(globalThis, 'Float16Array') as typeof Float32Array;
    const [value] = sent([View.of(1.5, -2)]);
    expect(value).toBeInstanceOf(View);
    expect([...(value as Float32Array)]).toEqual([1.5, -2]);
  });

  it('a subclass as its built-in', () => {
    class Bytes extends Uint8Array {}
    expect(Object.getPrototypeOf(sent(new Bytes(3)))).toBe(Uint8Array.prototype);
  });

  it('anywhere in a value, and as the same object when it is met again', () => {
    const small = Buffer.from('small');
    const large = Buffer.alloc(100_000, 1);
    const value = {
      small,
      map: new Map<unknown, unknown>([[small, large]]),
      set: new Set([large]),
      error: Object.assign(new Error('m'), { large }),
    };
    const other = sent(value);
    expect(other.map.get(other.small)).toBe(other.error.large);
    expect(other.set.has(other.error.large)).toBe(true);
    expect(other.error.large.equals(large)).toBe(true);
  });
});

describe('views that overlap when they are sent overlap when they arrive', () => {
  it.each([64, 1_000_000])('views on one ArrayBuffer of %i bytes', (size) => {
    const buffer = filled(size);
    const value = [new Uint8Array(buffer, 3, 20), new Float64Array(buffer, 8, 4), new DataView(buffer, 30, 10)] as const;
    const [bytes, floats, view] = sent(value);
    expect(bytes.buffer).toBe(floats.buffer);
    expect(bytes.buffer).toBe(view.buffer);
    expect([...bytes]).toEqual([...value[0]]);
    expect([...floats]).toEqual([...value[1]]);
    expect(bytesOf(view).equals(bytesOf(value[2]))).toBe(true);
    floats.fill(0);
    expect(bytes[5]).toBe(0);
  });

  it('an ArrayBuffer and the views on it, in any order', () => {
    const buffer = filled(100);
    const [one, whole, other] = sent([new Uint8Array(buffer, 50, 10), buffer, Buffer.from(buffer, 90)] as const);
    expect(one.buffer).toBe(whole);
    expect(other.buffer).toBe(whole);
    expect([one.byteOffset, whole.byteLength, other.byteOffset, other.length]).toEqual([50, 100, 90, 10]);
  });

  it('and views that only lie side by side, as in the pool of Node, do not', () => {
    const buffer = filled(100);
    const [one, other, empty] = sent([new Uint8Array(buffer, 0, 50), new Uint8Array(buffer, 50), new Uint8Array(buffer, 20, 0)] as const);
    expect(one.buffer).not.toBe(other.buffer);
    expect([one.buffer.byteLength, other.buffer.byteLength, empty.length]).toEqual([50, 50, 0]);
    const [a, b] = sent([Buffer.from('abc'), Buffer.from('def')] as const);
    expect(a.buffer).not.toBe(b.buffer);
  });
});

describe('large data travels beside the body', () => {
  it('from 8 KiB on', () => {
    const sizes = [8191, 8192, 65_535, 65_536].map((size) => Buffer.alloc(size));
    const { codec, attachments, bytes, body } = encode(sizes);
    expect(codec).toBe(Codec.Composite);
    expect(attachments.map(({ length }) => length)).toEqual([8192, 65_535, 65_536]);
    expect(bytes).toBe((body as Buffer).length + 8192 + 65_535 + 65_536);
  });

  it('and is as it was at the call, whatever happens to it later', () => {
    for (const size of [10, 8192, 65_536, 1_000_000]) {
      const buffer = Buffer.alloc(size, 1);
      const { buffer: transferred } = Buffer.from(buffer.buffer.slice(0));
      const resizable = Reflect.construct(ArrayBuffer, [size, { maxByteLength: 2 * size }]) as ArrayBuffer & {
        resize(length: number): void;
      };
      new Uint8Array(resizable).fill(1);
      const encoded = encode([buffer, new Uint8Array(transferred), new Uint8Array(resizable)]);
      buffer.fill(2);
      structuredClone(transferred, { transfer: [transferred as ArrayBuffer] });
      resizable.resize(0);
      for (let attempt = 1; attempt <= 2; attempt += 1) {
        const values = arrived<[Buffer, Uint8Array, Uint8Array]>(encoded);
        expect(values.map((each) => [each.length, Buffer.compare(each, Buffer.alloc(size, 1))])).toEqual([0, 1, 2].map(() => [size, 0]));
      }
    }
  });

  it('but is not copied when it is written before anything else runs', () => {
    const buffer = Buffer.alloc(65_536);
    expect(encode([buffer], 'result', true).attachments[0]?.buffer).toBe(buffer.buffer);
    expect(encode([buffer], 'result').attachments[0]?.buffer).not.toBe(buffer.buffer);
  });

  it('at most 255 attachments, the largest', () => {
    const buffers = Array.from({ length: 300 }, (_, index) => Buffer.alloc(8192 + index, index & 0xff));
    const encoded = encode(buffers);
    expect(encoded.attachments).toHaveLength(255);
    expect(Math.min(...encoded.attachments.map(({ length }) => length))).toBe(8192 + 45);
    expect(arrived<Buffer[]>(encoded).every((buffer, index) => buffer.equals(buffers[index] as Buffer))).toBe(true);
  });

  it('is adopted as it came, or copied if it is not a whole ArrayBuffer', () => {
    const { codec, body } = encode([new Float64Array(2000)]);
    const exact = Buffer.allocUnsafeSlow(16_000);
    const [adopted] = decode(codec, owned(body as Buffer), [exact]) as [Float64Array];
    expect(adopted.buffer).toBe(exact.buffer);
    const part = Buffer.from(new ArrayBuffer(16_010), 3, 16_000);
    const [copied] = decode(codec, owned(body as Buffer), [part]) as [Float64Array];
    expect([copied.length, copied.buffer.byteLength]).toEqual([2000, 16_000]);
  });
});

describe('every decoded value owns its memory', () => {
  it('none changes with the bytes that it was decoded from, or with another value', () => {
    const value = [Buffer.from('buffer'), new Uint16Array([1, 2, 3]), filled(10), 'text', { a: 'b' }, new Date(7), new Error('m')];
    const { codec, body } = encode(value);
    const bytes = owned(body as Buffer);
    const decoded = decode(codec, bytes, []) as [Buffer, Uint16Array, ArrayBuffer];
    bytes.fill(0xff);
    expect(decoded.slice(0, 6)).toEqual(value.slice(0, 6));
    const memories = [decoded[0].buffer, decoded[1].buffer, decoded[2], bytes.buffer];
    expect(new Set(memories).size).toBe(4);
  });

  it('nor does plain data', () => {
    for (const value of [['x', { y: 'é' }], [undefined, 'x', new Map([['é', 'ж']])], 'x'.repeat(5000)]) {
      const { codec, body } = encode(value);
      const bytes = owned(body as string);
      const decoded = decode(codec, bytes, []);
      bytes.fill(0);
      expect(decoded).toEqual(value);
    }
  });
});

describe('views that lie', () => {
  it('a view whose properties lie is sent as it is', () => {
    const view = Object.defineProperties(new Uint8Array([1, 2, 3]), {
      byteLength: { value: 1_000_000 },
      byteOffset: { get: () => expect.unreachable() },
      buffer: { value: new ArrayBuffer(8) },
      constructor: { value: Float64Array },
      [Symbol.toStringTag]: { value: 'Float64Array' },
    });
    for (const other of [sent(view), sent([view])[0]]) {
      expect(Object.getPrototypeOf(other)).toBe(Uint8Array.prototype);
      expect([...(other as Uint8Array)]).toEqual([1, 2, 3]);
    }
  });

  it('a view that its memory has left behind is refused, or empty where it follows its memory', () => {
    const memory = Reflect.construct(ArrayBuffer, [16, { maxByteLength: 32 }]) as ArrayBuffer & { resize(length: number): void };
    const [follows, data] = [new Uint8Array(memory), new DataView(memory, 8, 8)];
    memory.resize(4);
    expect(sent(follows)).toEqual(new Uint8Array(4));
    expect(() => encode([{ data }], 'args')).toThrow('args[0].data: it is a view beyond the end of its resized ArrayBuffer');
  });

  it('memory that a getter beside it takes away is refused', () => {
    const view = new Uint8Array(20_000);
    const taking = {
      view,
      get trap(): number {
        structuredClone(view, { transfer: [view.buffer] });
        return 1;
      },
    };
    expect(() => encode([taking], 'args')).toThrow(/a getter in it has resized or transferred an ArrayBuffer/);
  });

  it('of another realm, of a subclass and of a class that hides itself', () => {
    const [foreign, shared] = vm.runInNewContext('[new Uint16Array([1, 2]), new SharedArrayBuffer(8)]') as [Uint16Array, SharedArrayBuffer];
    expect(sent([foreign])[0]).toStrictEqual(new Uint16Array([1, 2]));
    expect(() => encode([shared], 'args')).toThrow('args[0]: shared memory');
    const hidden = Object.setPrototypeOf(new Int8Array([1]), null) as object;
    expect(sent([hidden])[0]).toStrictEqual(new Int8Array([1]));
    class Bytes extends Buffer {}
    expect(Buffer.isBuffer(sent([Object.setPrototypeOf(Buffer.from('a'), Bytes.prototype)])[0])).toBe(true);
  });
});

it('a detached ArrayBuffer is refused', () => {
  const view = new Uint8Array(10);
  structuredClone(view, { transfer: [view.buffer] });
  expect(() => encode([view], 'args')).toThrow('args[0]: its ArrayBuffer is detached');
  expect(() => encode([view.buffer], 'args')).toThrow('args[0]: its ArrayBuffer is detached');
});

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
}
