import { describe, expect, test } from 'vitest';
import { ProtocolError } from '../../../src/ipc/frame.js';
import type { Stretch } from '../../../src/pool/batch-outlet.js';
import { Chunk, chunkSizeFor } from '../../../src/pool/chunk.js';
import type { Outcome } from '../../../src/pool/outcome.js';
import type { TaskRecord } from '../../../src/pool/record.js';

function chunkOf(indexes: number[]): { chunk: Chunk; settled: Outcome[] } {
  const settled: Outcome[] = [];
  const user = {
    onTold: (stretch: Stretch) => {
      for (let offset = 0; offset < stretch.length; offset += 1) settled.push(stretch.take(offset));
    },
    onItemSettled: (outcome: Outcome) => settled.push(outcome),
    onChunkOver: () => undefined,
    again: () => undefined,
  };
  const chunk = new Chunk(user, indexes, false);
  chunk.record = { id: 1, starts: 1, name: { name: 'task' } } as unknown as TaskRecord;
  return { chunk, settled };
}

describe('a chunk', () => {
  test('settles what it is told, each item once', () => {
    const { chunk, settled } = chunkOf([7, 8, 9]);
    chunk.put([0, ['a', undefined], [[1, { error: 'b' }]]]);
    chunk.put([0, ['again', 'again'], []]);
    chunk.put([2, 1, []]);
    expect(settled).toEqual([
      { index: 7, status: 'fulfilled', value: 'a' },
      { index: 8, status: 'rejected', reason: 'b' },
      { index: 9, status: 'fulfilled', value: undefined },
    ]);
    expect(chunk.left).toBe(0);
  });

  test('is told nothing but of its own items: what else a worker claims is a fault of the worker, and settles nothing', () => {
    const claims: unknown[] = [
      [0, 1e15, []],
      [0, Number.POSITIVE_INFINITY, []],
      [0, Number.NaN, []],
      [0, 3, []],
      [2, 1, []],
      [-1, 1, []],
      [0.5, 1, []],
      ['x', 1, []],
      [0, 0, []],
      [0, ['a', 'b', 'c'], []],
      [0, 'ab', []],
      [0, ['a'], undefined],
      [0, ['a'], [[1, { error: 'late' }]]],
      [0, ['a'], [[0, null]]],
      [0, ['a'], [[0, { unserialisable: {} }]]],
      [0, ['a'], [[0, { unserialisable: 'it', side: 'inside' }]]],
      undefined,
      { length: 3 },
      'abc',
    ];
    for (const claim of claims) {
      const { chunk, settled } = chunkOf([1, 2]);
      expect(() => chunk.put(claim)).toThrow(ProtocolError);
      expect(settled).toEqual([]);
      expect(chunk.left).toBe(2);
    }
  });

  test('is some 3 ms of work, and small at the end', () => {
    expect(chunkSizeFor(-0.5, undefined, 2)).toBe(1);
    expect(chunkSizeFor(0.0001, undefined, 2)).toBe(2000);
    expect(chunkSizeFor(0.5, undefined, 2)).toBe(6);
    expect(chunkSizeFor(10, undefined, 2)).toBe(1);
    expect(chunkSizeFor(0.0001, 100, 2)).toBe(25);
    expect(chunkSizeFor(0.0001, 0, 2)).toBe(1);
  });
});
