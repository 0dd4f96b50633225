import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Codec, decode, type Encoded } from '../../../../src/ipc/codec/codec.js';
import { encodeTogether, kept, opened } from '../../../../src/ipc/codec/encode-together.js';
import { isLong } from '../../../kit/long.js';

function arrived({ codec, body, attachments }: Encoded): unknown {
  return decode(codec, Buffer.from((body ?? '') as string), [...attachments]);
}

function together(values: readonly unknown[]): unknown[] {
  return values.map((value) => kept(value, 'result'));
}

function sentTogether(list: readonly unknown[]): Encoded {
  return encodeTogether(
    list,
    (values) => values,
    (text) => `[${text}]`,
  );
}

const listed = (list: readonly unknown[]): unknown => arrived(sentTogether(list));

describe('values that travel together', () => {
  it('arrive as if each had been sent by itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true })),
        (values) => {
          expect(listed(together(values))).toEqual(structuredClone(values));
        },
      ),
      { numRuns: isLong ? 1000 : 20 },
    );
  });

  it.each<[string, () => unknown[], number]>([
    ['primitives', () => [1, 'a', null, true, undefined, -0, 5n], Codec.V8],
    ['objects that are text', () => [{ a: 1 }, [1, 'x'], 'y', 2.5, false, null], Codec.Json],
    ['text and what JSON loses', () => [{ a: 1 }, undefined, Number.NaN, -0], Codec.V8],
    ['others', () => [{ a: 1 }, new Map([[1, { b: 2 }]]), new Error('m'), Buffer.from('x')], Codec.Composite],
  ])('%s', (_, make, codec) => {
    for (const list of [together(make()), make().map((each) => (typeof each === 'object' ? kept(each, 'result') : each))]) {
      const encoded = sentTogether(list);
      expect(encoded.codec).toBe(codec);
      expect(arrived(encoded)).toEqual(make());
      expect(list.map(opened)).toEqual(make());
    }
  });

  it('are as they were when they were added', () => {
    for (const beside of [[], [kept(new Date(1), 'result')]]) {
      const [row, bytes] = [{ id: 0, tags: ['x'] }, Buffer.alloc(100_000)];
      const list: unknown[] = [];
      for (let id = 1; id <= 3; id += 1) {
        row.id = id;
        row.tags[0] = `tag ${id}`;
        list.push(kept(row, 'result'));
        if (beside.length === 0) continue;
        bytes.fill(id);
        list.push(kept(bytes, 'result'));
      }
      list.push(...beside);
      const rows = (listed(list) as unknown[]).filter((each) => !Buffer.isBuffer(each) && !(each instanceof Date));
      expect(rows).toEqual([1, 2, 3].map((id) => ({ id, tags: [`tag ${id}`] })));
      const buffers = (listed(list) as unknown[]).filter((each) => Buffer.isBuffer(each));
      expect(buffers.map((each) => [each[0], each.at(-1)])).toEqual(beside.length === 0 ? [] : [1, 2, 3].map((id) => [id, id]));
    }
  });

  it('share nothing, though one is met again among the others', () => {
    for (const shared of [{ a: 1 }, new Map([[1, 2]])]) {
      const [one, other] = listed(together([shared, shared])) as object[];
      expect(one).toEqual(shared);
      expect(one).not.toBe(other);
    }
  });

  it('are refused one by one, each with its own path', () => {
    expect(() => kept({ save: () => 1 }, 'result')).toThrow('result.save: a function (save) cannot be sent');
    expect(() => kept(Symbol('s'), 'result')).toThrow('result: the symbol Symbol(s) cannot be sent');
  });
});
