import { describe, expect, test } from 'vitest';
import { RING } from '../../../../src/ipc/control-file-layout.js';
import { LeaseRing } from '../../../../src/pool/dispatch/lease-ring.js';
import type { Lease } from '../../../../src/pool/task/task-record.js';

const leaseOf = (seq: number): Lease => ({ seq }) as unknown as Lease;

/** Sends `count` attempts, and returns their numbers. */
function send(ring: LeaseRing, count: number): number[] {
  return Array.from({ length: count }, () => {
    const seq = ring.next();
    ring.put(seq, leaseOf(seq));
    return seq;
  });
}

describe('the numbers of attempts', () => {
  test('begin with 1 and have no gaps while every attempt is answered in turn', () => {
    const ring = new LeaseRing();
    expect(ring.last).toBe(0);
    const seqs: number[] = [];
    for (let count = 0; count < 3 * RING; count += 1) {
      seqs.push(...send(ring, 1));
      ring.free(ring.last);
    }
    expect(seqs).toEqual(Array.from({ length: 3 * RING }, (_, index) => index + 1));
    expect(ring.last).toBe(3 * RING);
  });

  test('leave out the number whose cell an older attempt still has', () => {
    const ring = new LeaseRing();
    send(ring, RING);
    for (let seq = 1; seq <= RING; seq += 1) if (seq !== 3) ring.free(seq);
    expect(send(ring, 4)).toEqual([RING + 1, RING + 2, RING + 4, RING + 5]);
    expect(ring.at(3)?.seq).toBe(3);
  });

  test('never come again, although an attempt that was taken back is over at once', () => {
    const ring = new LeaseRing();
    send(ring, 3);
    for (const seq of [3, 2]) ring.free(seq);
    expect(send(ring, 2)).toEqual([4, 5]);
    expect([2, 3].map((seq) => ring.at(seq))).toEqual([undefined, undefined]);
  });
});

describe('a ring of leases', () => {
  test('is full with one attempt in each cell, and free again when the worker is done with one', () => {
    const ring = new LeaseRing();
    send(ring, RING - 1);
    expect(ring.isFull).toBe(false);
    send(ring, 1);
    expect(ring.isFull).toBe(true);
    ring.free(7);
    expect(ring.isFull).toBe(false);
    expect(send(ring, 1)).toEqual([RING + 7]);
    expect(ring.isFull).toBe(true);
  });

  test('finds a lease by its own number only, not by another number of the same cell', () => {
    const ring = new LeaseRing();
    send(ring, 2);
    expect(ring.at(2)?.seq).toBe(2);
    expect(ring.at(2 + RING)).toBeUndefined();
    expect(ring.at(3)).toBeUndefined();
    ring.free(2);
    expect(ring.at(2)).toBeUndefined();
  });

  test('lists the leases after a number, oldest first, across the end of the ring', () => {
    const ring = new LeaseRing();
    send(ring, RING);
    for (let seq = 1; seq <= RING; seq += 1) if (seq % 300 !== 0) ring.free(seq);
    send(ring, 2);
    ring.free(900);
    const seqsAfter = (seq: number): number[] => ring.after(seq).map((lease) => lease.seq);
    expect(seqsAfter(0)).toEqual([300, 600, RING + 1, RING + 2]);
    expect(seqsAfter(600)).toEqual([RING + 1, RING + 2]);
    expect(seqsAfter(RING + 2)).toEqual([]);
  });

  test('is empty after clear, and goes on counting', () => {
    const ring = new LeaseRing();
    send(ring, RING);
    ring.clear();
    expect([ring.isFull, ring.at(1), ring.after(0).length]).toEqual([false, undefined, 0]);
    expect(send(ring, 1)).toEqual([RING + 1]);
  });
});
