import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs } from '../../../../src/supervisor/restart/backoff.js';

const rule = { initialMs: 50, factor: 2, maxMs: 5000, jitter: 0.2 };
const middle = () => 0.5;

describe('back-off', () => {
  test('doubles from 50 ms to 5 s', () => {
    expect([1, 2, 3, 7, 8, 100, 1e6].map((failures) => backoffMs(rule, failures, middle))).toEqual([50, 100, 200, 3200, 5000, 5000, 5000]);
  });

  test('without a failure there is no delay', () => {
    expect(backoffMs(rule, 0, middle)).toBe(0);
  });

  test('varies by its jitter, to both sides', () => {
    expect(backoffMs(rule, 1, () => 0)).toBe(40);
    expect(backoffMs(rule, 1, () => 0.999_999)).toBeCloseTo(60, 3);
  });

  test('a back-off of 0 stays 0', () => {
    expect(backoffMs({ ...rule, initialMs: 0 }, 5000, middle)).toBe(0);
  });

  test('is never negative, NaN or above its bound', () => {
    const rules = fc.record({
      initialMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      maxMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(rules, fc.nat(), random, (by, failures, value) => {
        const delayMs = backoffMs(by, failures, () => value);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThanOrEqual(by.maxMs * (1 + by.jitter));
      }),
    );
  });
});
