import { describe, expect, test } from 'vitest';
import type { RunMessage } from '../../../src/ipc/messages.js';
import { Queue } from '../../../src/worker/queue.js';

const messageOf = (seq: number): RunMessage => ({ seq, body: Buffer.alloc(10) }) as unknown as RunMessage;

describe('the messages that were sent ahead', () => {
  test('come out in the order in which they went in', () => {
    const queue = new Queue();
    expect([queue.isEmpty, queue.shift()]).toEqual([true, undefined]);
    for (const seq of [1, 2, 3]) queue.push(messageOf(seq));
    expect([queue.isEmpty, queue.shift()?.seq, queue.shift()?.seq]).toEqual([false, 1, 2]);
    queue.push(messageOf(4));
    expect([queue.shift()?.seq, queue.shift()?.seq, queue.isEmpty]).toEqual([3, 4, true]);
  });

  test('keep their order over thousands, also in a queue that is never empty', () => {
    const queue = new Queue();
    queue.push(messageOf(0));
    const seqs: (number | undefined)[] = [];
    for (let seq = 1; seq <= 5000; seq += 1) {
      queue.push(messageOf(seq));
      seqs.push(queue.shift()?.seq);
      if (queue.isEmpty) throw new Error(`empty after ${seq}`);
    }
    expect(seqs).toEqual(Array.from({ length: 5000 }, (_, index) => index));
    expect([queue.shift()?.seq, queue.isEmpty]).toEqual([5000, true]);
  });

  test('are known by their number until they are taken out', () => {
    const queue = new Queue();
    for (const seq of [1, 2]) queue.push(messageOf(seq));
    expect([queue.has(1), queue.has(2), queue.has(3)]).toEqual([true, true, false]);
    queue.shift();
    expect([queue.has(1), queue.has(2)]).toEqual([false, true]);
  });

  test('say which number comes first', () => {
    const queue = new Queue();
    expect(queue.first).toBeNaN();
    for (const seq of [3, 5]) queue.push(messageOf(seq));
    expect(queue.first).toBe(3);
    queue.shift();
    expect(queue.first).toBe(5);
    queue.shift();
    expect(queue.first).toBeNaN();
  });

  test('are forgotten between two numbers, and the others keep their order', () => {
    const queue = new Queue();
    for (let seq = 0; seq <= 9; seq += 1) queue.push(messageOf(seq));
    for (const seq of [0, 1]) expect(queue.shift()?.seq).toBe(seq);
    queue.forget(3, 6);
    expect([2, 3, 4, 6, 7].map((seq) => queue.has(seq))).toEqual([true, true, false, false, true]);
    queue.push(messageOf(10));
    queue.forget(20, 10);
    expect(Array.from({ length: 6 }, () => queue.shift()?.seq)).toEqual([2, 3, 7, 8, 9, 10]);
    expect(queue.isEmpty).toBe(true);
    for (const seq of [11, 12]) queue.push(messageOf(seq));
    queue.forget(0, 12);
    expect([queue.isEmpty, queue.first]).toEqual([true, Number.NaN]);
  });

  test('are all dropped by clear', () => {
    const queue = new Queue();
    for (const seq of [1, 2, 3]) queue.push(messageOf(seq));
    queue.shift();
    queue.clear();
    expect([queue.isEmpty, queue.has(2), queue.shift()]).toEqual([true, false, undefined]);
    queue.clear();
    queue.push(messageOf(9));
    expect(queue.shift()?.seq).toBe(9);
  });
});
