import { describe, expect, test } from 'vitest';
import { estimateUs, isShort, mayGoAhead, newNameStats, observe } from '../../../../src/pool/task/task-durations.js';

function statsAfter(...durations: number[]) {
  const stats = newNameStats('work', 1);
  for (const ms of durations) observe(stats, ms);
  return stats;
}
const times = (count: number, ms: number) => Array.from({ length: count }, () => ms);

describe('G11: sending ahead', () => {
  test('a name is short after eight short attempts in a row', () => {
    expect(isShort(newNameStats('work', 1))).toBe(false);
    expect(isShort(statsAfter(...times(7, 0.01)))).toBe(false);
    expect(isShort(statsAfter(...times(8, 0.01)))).toBe(true);
  });

  test('one attempt of 1 ms ends the streak', () => {
    expect(isShort(statsAfter(...times(100, 0.01), 1))).toBe(false);
    expect(isShort(statsAfter(...times(100, 0.01), 1, ...times(7, 0.01)))).toBe(false);
    expect(isShort(statsAfter(...times(100, 0.01), 1, ...times(8, 0.01)))).toBe(true);
  });

  test('a duration that is no number counts as long', () => {
    expect(isShort(statsAfter(...times(20, 0.01), Number.NaN))).toBe(false);
    expect(estimateUs(statsAfter(Number.NaN, ...times(8, 0.5)))).toBeGreaterThan(500);
  });

  test('never more than 1 ms of estimated work is ahead', () => {
    const stats = statsAfter(...times(20, 0.3));
    let aheadUs = 0;
    let count = 0;
    while (mayGoAhead(stats, aheadUs)) {
      aheadUs += estimateUs(stats);
      count += 1;
    }
    expect(count).toBe(3);
    expect(mayGoAhead(statsAfter(...times(7, 0.01)), 0)).toBe(false);
  });

  test('every task is estimated to cost something', () => {
    expect(estimateUs(statsAfter(...times(20, 0)))).toBe(2);
    expect(estimateUs(newNameStats('work', 1))).toBe(2);
    expect(estimateUs(statsAfter(0.4))).toBe(400);
  });
});
