/**
 * A distribution of durations in constant memory (10 KB), cheap enough for every task.
 *
 * The buckets are log-linear: each power of two is divided into 32 equal parts, so a bucket is at
 * most 1/32 of its lower bound wide and its middle at most 1.6 % from any value in it. They cover 1
 * µs to 37 hours; shorter durations count as 0 to 1 µs, longer ones as 37 hours, except in `mean`
 * and `max`, which are exact. The bits of the number select the bucket: its exponent and the first
 * five of its mantissa.
 */
import type { Percentiles } from './types.js';

const PARTS_BITS = 5;
const PARTS = 1 << PARTS_BITS;
/** 2^-10 ms, nearly 1 µs. */
const LOWEST_EXPONENT = -10;
const HIGHEST_EXPONENT = 27;
const LOWEST_MS = 2 ** LOWEST_EXPONENT;
const BUCKETS = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * PARTS + 1;
/** The upper half of a double: sign, 11 bits of exponent (biased by 1023), 20 of mantissa. */
const SHIFT = 20 - PARTS_BITS;
const BASE = ((1023 + LOWEST_EXPONENT) << PARTS_BITS) - 1;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
/** The index of the word that holds the exponent. */
const UPPER = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0;

export class Histogram {
  /** Bucket 0 counts durations below the lowest bound. Doubles, because counts may exceed 2^32. */
  readonly #counts = new Float64Array(BUCKETS);
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = 0;

  /** Negative durations and NaN, which a clock should not produce, count as 0. */
  record(ms: number, times = 1): void {
    const value = ms > 0 ? ms : 0;
    let bucket = 0;
    if (value >= LOWEST_MS) {
      double[0] = value;
      bucket = ((words[UPPER] as number) >>> SHIFT) - BASE;
      if (bucket >= BUCKETS) bucket = BUCKETS - 1;
    }
    (this.#counts[bucket] as number) += times;
    this.#sum += value * times;
    if (value > this.#max) this.#max = value;
    if (value < this.#min) this.#min = value;
  }

  percentiles(): Percentiles {
    let count = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) count += this.#counts[bucket] as number;
    if (count === 0) return { count: 0, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
    return {
      count,
      mean: this.#sum / count,
      p50: this.#quantile(0.5 * count),
      p90: this.#quantile(0.9 * count),
      p99: this.#quantile(0.99 * count),
      max: this.#max,
    };
  }

  /** By nearest rank: the smallest value that at least `part` of the values do not exceed. */
  #quantile(part: number): number {
    const rank = Math.ceil(part);
    let seen = 0;
    let bucket = 0;
    for (; bucket < BUCKETS - 1; bucket++) {
      seen += this.#counts[bucket] as number;
      if (seen >= rank) break;
    }
    return Math.min(Math.max(middleOf(bucket), this.#min), this.#max);
  }
}

function middleOf(bucket: number): number {
  if (bucket === 0) return LOWEST_MS / 2;
  const power = LOWEST_EXPONENT + Math.floor((bucket - 1) / PARTS);
  const part = (bucket - 1) % PARTS;
  return 2 ** power * (1 + (part + 0.5) / PARTS);
}
