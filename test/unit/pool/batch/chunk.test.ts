import { describe, expect, test } from 'vitest';
import { decode, type Encoded, encode } from '../../../../src/ipc/codec/codec.js';
import { ProtocolError } from '../../../../src/ipc/frame.js';
import { Chunk, chunkSizeFor } from '../../../../src/pool/batch/chunk.js';
import type { Chunker } from '../../../../src/pool/batch/chunker.js';
import type { Outcome } from '../../../../src/pool/batch/outcome.js';
import type { OutcomeRange } from '../../../../src/pool/batch/outcome-buffer.js';
import { Lease, type LeaseHolder, type TaskRecord } from '../../../../src/pool/task/task-record.js';
import { Story } from '../../../../src/shared/transitions.js';

function chunkOf(indexes: number[]): {
  chunk: Chunk;
  settled: Outcome[];
  apart: { index: number; record: TaskRecord }[];
  lease: Lease;
} {
  const settled: Outcome[] = [];
  const story = new Story('test');
  const chunker = {
    story,
    onReported: (range: OutcomeRange) => {
      for (let offset = 0; offset < range.length; offset += 1) settled.push(range.take(offset));
    },
    onChunkOver: (_chunk: Chunk, outcomes: readonly Outcome[]) => settled.push(...outcomes),
    apart: (of: TaskRecord, index: number, encoded: Encoded): TaskRecord => {
      const record = { ...of, ...encoded, starts: 0 } as unknown as TaskRecord;
      apart.push({ index, record });
      return record;
    },
  };
  const apart: { index: number; record: TaskRecord }[] = [];
  const chunk = new Chunk(chunker as unknown as Chunker, indexes);
  chunk.record = { id: 1, starts: 1, name: { name: 'task' }, ...encode({ only: indexes.map((index) => `item ${index}`) }) } as never;
  const lease = new Lease(9, chunk.record as TaskRecord, { worker: { id: 3, pid: 33 } } as LeaseHolder, 0, true);
  lease.become('ended', story);
  return { chunk, settled, apart, lease };
}

describe('a chunk', () => {
  test('settles what is reported to it, each item once', () => {
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

  test('takes reports of its own items only: any other claim is a fault of the worker, and settles nothing', () => {
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

  /** Of each item that goes on by itself: what is sent, and whether its attempt had started. */
  const sent = (leases: Lease[]): unknown[] =>
    leases.map(({ record, hasStarted }) => [decode(record.codec, record.body as never, record.attachments), hasStarted, record.starts]);

  test('comes apart when its worker dies: what was not reported goes on, item by item, by whether it had started', () => {
    const { chunk, settled, apart, lease } = chunkOf([5, 6, 7, 8, 9]);
    chunk.put([0, ['a'], []]);
    const parts = chunk.split(lease, 3);
    expect(sent(parts)).toEqual([
      [{ only: ['item 6'] }, true, 1],
      [{ only: ['item 7'] }, true, 1],
      [{ only: ['item 8'] }, false, 0],
      [{ only: ['item 9'] }, false, 0],
    ]);
    expect(parts[0]).toBe(lease);
    expect(apart.map(({ index }) => index)).toEqual([7, 8, 9]);
    expect(parts[1]).toMatchObject({ seq: 9, workerId: 3, pid: 33, number: 1, items: 1, holder: undefined });
    expect(chunk.left).toBe(1);
    chunk.put([0, ['b'], []]);
    expect(settled.map(({ index }) => index)).toEqual([5, 6]);
  });

  test('charges no item if none had started, and every item if the starts are unknown', () => {
    const fresh = chunkOf([1, 2]);
    expect(sent(fresh.chunk.split(fresh.lease, 0))).toEqual([
      [{ only: ['item 1'] }, false, 0],
      [{ only: ['item 2'] }, false, 0],
    ]);
    const unknown = chunkOf([1, 2]);
    expect(unknown.chunk.split(unknown.lease, Number.NaN).every(({ hasStarted }) => hasStarted)).toBe(true);
  });

  test('of one item starts with its attempt, and a reported one leaves nothing', () => {
    const one = chunkOf([4]);
    expect(one.chunk.split(one.lease, 0)).toEqual([one.lease]);
    expect(one.lease.hasStarted).toBe(true);
    const reported = chunkOf([4, 5]);
    reported.chunk.put([0, 2, []]);
    expect(reported.chunk.split(reported.lease, 2)).toEqual([]);
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
