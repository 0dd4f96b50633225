/** When a host that is cut off has lost the locks of its tasks (C8). */
import { describe, expect, test } from 'vitest';
import { Fence } from '../../../../src/cluster/host/fence.js';
import { FakeClock } from '../../../kit/fake-clock.js';

function fenced() {
  const clock = new FakeClock();
  const past: string[] = [];
  const fence = new Fence<{ id: string; dueAt: number; heapIndex: number }>(clock, 1000, ({ id }) => past.push(id));
  const hold = (id: string, from: number) => {
    const task = { id, dueAt: 0, heapIndex: -1 };
    fence.renew(task, from);
    return task;
  };
  return { clock, past, fence, hold };
}

describe('a lock', () => {
  test('is lost at 0.9 of its time without a renewal', () => {
    const { clock, past, hold } = fenced();
    hold('a', 0);
    clock.advance(899);
    expect(past).toEqual([]);
    clock.advance(1);
    expect(past).toEqual(['a']);
  });

  test('counts from when it was asked for, not from the answer', () => {
    const { clock, past, fence, hold } = fenced();
    const task = hold('a', 0);
    clock.advance(700);
    fence.renew(task, 500);
    clock.advance(699);
    expect(past).toEqual([]);
    clock.advance(1);
    expect(past).toEqual(['a']);
  });

  test('a late answer to an earlier renewal does not shorten it', () => {
    const { clock, past, fence, hold } = fenced();
    const task = hold('a', 0);
    fence.renew(task, 500);
    fence.renew(task, 200);
    clock.advance(1399);
    expect(past).toEqual([]);
  });

  test('that is released is never lost', () => {
    const { clock, past, fence, hold } = fenced();
    fence.release(hold('a', 0));
    clock.advance(5000);
    expect(past).toEqual([]);
  });

  test('after a freeze, is lost before the timer says so', () => {
    const { clock, past, fence, hold } = fenced();
    const task = hold('a', 0);
    expect(fence.isPast(task)).toBe(false);
    clock.time = 3000;
    expect(fence.isPast(task)).toBe(true);
    clock.jumpTo(3000);
    expect(past).toEqual(['a']);
  });

  test('an answer that was asked for before a freeze does not help', () => {
    const { clock, past, fence, hold } = fenced();
    const task = hold('a', 0);
    clock.time = 3000;
    fence.renew(task, 400);
    clock.jumpTo(3001);
    expect(past).toEqual(['a']);
  });
});
