import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode, encode } from '../../../src/ipc/codec/codec.js';
import {
  bodyLimits,
  type FrameHeader,
  FrameType,
  HEADER_BYTES,
  MAX_BODY_BYTES,
  type Message,
  ProtocolError,
  TEXT,
  viewOf,
  writeHeader,
} from '../../../src/ipc/frame.js';
import { FrameReader } from '../../../src/ipc/frame-reader.js';
import { FrameWriter } from '../../../src/ipc/frame-writer.js';
import { FramedChannel } from '../../../src/ipc/message-channel.js';
import { FakeParent } from '../../fixtures/worker/fake-parent.js';
import { isLong } from '../../kit/long.js';

const TYPES = Object.values(FrameType).filter((type) => type !== FrameType.Attachment && (bodyLimits[type] as number) > 0);
const header = fc.record({
  type: fc.constantFrom(...TYPES),
  seq: fc.nat(),
  time: fc.double({ noNaN: true, min: 0, max: 1e15 }),
  a: fc.integer({ min: 0, max: 0xffff_ffff }),
  b: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 255 }),
});
const values = fc.array(fc.tuple(header, fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true })), {
  maxLength: 8,
});
/** Where a stream is cut: fractions of what is left. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 20 });

function bytesOf(list: readonly (readonly [{ type: FrameType }, unknown])[]): Buffer {
  const writer = new FrameWriter();
  for (const [head, value] of list) {
    const { codec, body, attachments } = encode(value);
    writer.add({ ...head, codec }, body, attachments);
  }
  return Buffer.concat(writer.take());
}

function* pieces(bytes: Buffer, where: readonly number[]): Iterable<Buffer> {
  let at = 0;
  for (const fraction of where) {
    const end = at + Math.floor((bytes.length - at) * fraction);
    yield Buffer.from(bytes.subarray(at, end));
    at = end;
  }
  yield Buffer.from(bytes.subarray(at));
}

/** Bytes that were frames once. */
const damaged = fc
  .tuple(values, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })), { minLength: 1, maxLength: 4 }), fc.boolean(), fc.nat())
  .map(([list, flips, isCut, cut]) => {
    const bytes = Buffer.from(bytesOf(list.filter(([, value]) => isSendable(value))));
    for (const [at, bit] of flips) if (bytes.length > 0) bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ (1 << bit);
    return isCut && bytes.length > 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
  });
const noise = fc.oneof(
  damaged,
  fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)),
);

function isSendable(value: unknown): boolean {
  try {
    encode(value);
    return true;
  } catch {
    return false;
  }
}

describe('frames', () => {
  it('arrive as they were sent, however the bytes are split', () => {
    fc.assert(
      fc.property(values, cuts, (all, where) => {
        const list = all.filter(([, value]) => isSendable(value));
        const got: Message[] = [];
        const reader = new FrameReader((message) => got.push(message));
        for (const piece of pieces(bytesOf(list), where)) reader.push(piece);
        expect(reader.isAtBoundary).toBe(true);
        expect(got.map(({ type, seq, time, a, b, flags }) => ({ type, seq, time, a, b, flags }))).toEqual(list.map(([head]) => head));
        expect(got.map(({ codec, body, attachments }) => decode(codec, body, attachments))).toEqual(
          list.map(([, value]) => {
            const { codec, body, attachments } = encode(value);
            return decode(codec, Buffer.from((body ?? '') as string), attachments);
          }),
        );
      }),
      { numRuns: isLong ? 1000 : 25 },
    );
  });

  it('of text fill one arena after the other, whatever their characters take', () => {
    const texts = fc.array(fc.tuple(fc.constantFrom('a', 'ж', '日', '😀', '\ud800'), fc.integer({ min: 5000, max: 30_000 })), {
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(texts, (list) => {
        const writer = new FrameWriter();
        const bodies = list.map(([unit, length]) => unit.repeat(length));
        for (const body of bodies) writer.add({ type: FrameType.Result, codec: TEXT, seq: 1 }, body);
        const got: Message[] = [];
        new FrameReader((message) => got.push(message)).push(Buffer.concat(writer.take()));
        // A lone surrogate arrives as the character that replaces it.
        expect(got.map(({ body }) => body)).toEqual(bodies.map((body) => Buffer.from(body).toString()));
      }),
      { numRuns: isLong ? 300 : 25 },
    );
    const writer = new FrameWriter();
    for (let i = 0; i < 3; i++) writer.add({ type: FrameType.Result, codec: TEXT, seq: 1 }, 'a'.repeat(20_000));
    expect(writer.take()).toHaveLength(1);
  });

  it('that are not frames are a ProtocolError, once, and nothing else is ever thrown', () => {
    fc.assert(
      fc.property(noise, cuts, (bytes, where) => {
        const reader = new FrameReader(() => undefined);
        try {
          for (const piece of pieces(bytes, where)) reader.push(piece);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: isLong ? 3000 : 40 },
    );
  });

  it('a garbled link is reported once, and nothing it sends is believed after that', () => {
    fc.assert(
      fc.property(noise, cuts, (bytes, where) => {
        let reports = 0;
        const link = new FramedChannel({ send: () => true } as never, () => undefined);
        for (const piece of pieces(Buffer.concat([bytes, Buffer.from('no frame at all, but longer than its header would be')]), where))
          if (!link.receive(piece, piece.length)) reports += 1;
        expect(reports).toBeLessThanOrEqual(1);
      }),
      { numRuns: isLong ? 1000 : 25 },
    );
  });

  it('a length that is only claimed allocates nothing, on either side', () => {
    const claim = Buffer.alloc(HEADER_BYTES);
    writeHeader(viewOf(claim), 0, { type: FrameType.Result, seq: 1 }, MAX_BODY_BYTES);
    const before = process.memoryUsage();
    for (let index = 0; index < 100; index += 1) {
      const reader = new FrameReader(() => undefined);
      reader.push(Buffer.from(claim));
      reader.push(Buffer.from('the first bytes of two gibibytes'));
      expect(reader.isAtBoundary).toBe(false);
    }
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(10 << 20);
    writeHeader(viewOf(claim), 0, { type: FrameType.Result, seq: 1 }, MAX_BODY_BYTES + 1);
    expect(() => new FrameReader(() => undefined).push(Buffer.from(claim))).toThrow(ProtocolError);
  });

  it('for a body that claims to be huge, at most sixteen times the received bytes are allocated', () => {
    const claim = Buffer.alloc(HEADER_BYTES);
    writeHeader(viewOf(claim), 0, { type: FrameType.Result, seq: 1 }, MAX_BODY_BYTES);
    const readers: FrameReader[] = [];
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 10; index += 1) {
      const reader = new FrameReader(() => undefined);
      reader.push(Buffer.concat([claim, Buffer.alloc(100 * 1024)]));
      readers.push(reader); // held, so that nothing of it is collected
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(readers.length * 16 * 100 * 1024 + (4 << 20));
  });

  it('a large body arrives whole, through each of its steps, read in place where there is room', () => {
    const body = Buffer.alloc((isLong ? 40 : 4) << 20);
    for (let at = 0; at < body.length; at += 4096) body.writeUInt32LE(at, at);
    const writer = new FrameWriter();
    writer.add({ type: FrameType.Result, seq: 1 }, body);
    const bytes = Buffer.concat(writer.take());
    let got: Message | undefined;
    const reader = new FrameReader((message) => {
      got = message;
    });
    const small = Buffer.alloc(200_000);
    for (let at = 0; at < bytes.length; ) {
      const target = reader.receiveBuffer ?? small;
      const length = Math.min(target.length, bytes.length - at, 300_000);
      bytes.copy(target, 0, at, at + length);
      reader.push(target.subarray(0, length));
      at += length;
    }
    expect(body.equals(got?.body as Buffer)).toBe(true);
    expect(reader.isAtBoundary).toBe(true);
  });

  it('with invalid numbers, or a body out of place, are a ProtocolError', () => {
    const refuses = (header: FrameHeader, length = 0, attachments = 0): void => {
      const bytes = Buffer.alloc(HEADER_BYTES);
      writeHeader(viewOf(bytes), 0, header, length, attachments);
      expect(() => new FrameReader(() => undefined).push(bytes), JSON.stringify(header)).toThrow(ProtocolError);
    };
    for (const seq of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, Number.NEGATIVE_INFINITY]) refuses({ type: FrameType.Result, seq });
    for (const time of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) refuses({ type: FrameType.Started, seq: 1, time });
    for (const type of [FrameType.Started, FrameType.Dropped, FrameType.Pong, FrameType.Memory]) {
      refuses({ type }, 1);
      refuses({ type }, 0, 1);
    }
    refuses({ type: FrameType.Ready }, 100 << 20);
  });

  it('a worker that is sent noise ends itself, or does nothing: it never throws', async () => {
    await fc.assert(
      fc.asyncProperty(noise, cuts, async (bytes, where) => {
        const parent = await FakeParent.of({ echo: (value: unknown) => value });
        for (const piece of pieces(bytes, where)) parent.runner.receive(piece);
        await new Promise((resolve) => setImmediate(resolve));
        expect([undefined, 0, 1]).toContain(parent.exitCode === undefined ? undefined : Math.min(1, parent.exitCode));
      }),
      { numRuns: isLong ? 500 : 15 },
    );
  });
});
