import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Histogram } from '../../../src/shared/histogram.js';
import { isLong } from '../../kit/long.js';

function exact(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(quantile * sorted.length) - 1] as number;
}

describe('histogram', () => {
  test('without a value everything is 0', () => {
    expect(new Histogram().percentiles()).toEqual({ count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 });
  });

  test('one value is every percentile, exactly', () => {
    const histogram = new Histogram();
    histogram.record(12.345);
    expect(histogram.percentiles()).toEqual({ count: 1, mean: 12.345, p50: 12.345, p90: 12.345, p99: 12.345, max: 12.345 });
  });

  test('every percentile is within 2 % of the exact one, from 1 µs to 37 hours', () => {
    const duration = fc.double({ min: -10, max: 26.9, noNaN: true }).map((exponent) => 2 ** exponent);
    fc.assert(
      fc.property(fc.array(duration, { minLength: 1, maxLength: 300 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const { p50, p90, p99, mean, max, count } = histogram.percentiles();
        for (const [estimate, quantile] of [
          [p50, 0.5],
          [p90, 0.9],
          [p99, 0.99],
        ] as const) {
          const truth = exact(values, quantile);
          expect(Math.abs(estimate - truth)).toBeLessThanOrEqual(0.02 * truth);
        }
        expect(max).toBe(Math.max(...values));
        expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 5);
        expect(count).toBe(values.length);
      }),
      { numRuns: isLong ? 1000 : 30 },
    );
  });

  test('percentiles never pass the maximum and never fall', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { minLength: 1 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.record(value);
        const { p50, p90, p99, max } = histogram.percentiles();
        expect(p50).toBeLessThanOrEqual(p90);
        expect(p90).toBeLessThanOrEqual(p99);
        expect(p99).toBeLessThanOrEqual(max);
      }),
    );
  });

  test('a value that is not a duration counts as 0, one that is too long as the longest', () => {
    const histogram = new Histogram();
    for (const value of [Number.NaN, -5, 0, -0]) histogram.record(value);
    expect(histogram.percentiles()).toEqual({ count: 4, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 });
    histogram.record(1e300);
    expect(histogram.percentiles()).toMatchObject({ count: 5, p50: 2 ** -11, max: 1e300 });
    expect(histogram.percentiles().p99).toBeLessThan(1e9);
  });
});
