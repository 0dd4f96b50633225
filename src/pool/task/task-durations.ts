/**
 * Decides which tasks are sent ahead to a busy worker (G11): only tasks whose name has been short
 * lately, and never more than 1 ms of estimated work. The decisions are pure, over one small record
 * for each name. Estimates are integers, which V8 stores without allocating.
 */

/** The limit of estimated work sent ahead to one worker: 1 ms. */
export const AHEAD_LIMIT_US = 1000;
/** An attempt shorter than this is short. */
const SHORT_MS = 1;
/** The number of short attempts in a row that make a name short. */
const STREAK = 8;
/** No task is free: with this minimum at most 500 are ahead, however short they are. */
const FLOOR_US = 2;
/** The weight of the latest attempt in the mean. */
const WEIGHT = 1 / 8;

export interface NameStats {
  readonly name: string;
  readonly id: number;
  /** The number of short attempts in a row, up to the latest. */
  shortStreak: number;
  /** The exponentially weighted mean of their durations. */
  meanMs: number;
}

export function newNameStats(name: string, id: number): NameStats {
  // With -0.5, V8 stores the field as a double from the start; with -1 or 0, it would be a small
  // integer first.
  return { name, id, shortStreak: 0, meanMs: -0.5 };
}

/** Records that an attempt took `ms`, whatever its outcome. */
export function observe(stats: NameStats, ms: number): void {
  const tookMs = ms >= 0 ? ms : SHORT_MS; // NaN would stay in the mean forever
  stats.shortStreak = tookMs < SHORT_MS ? stats.shortStreak + 1 : 0;
  stats.meanMs = stats.meanMs < 0 ? tookMs : stats.meanMs + (tookMs - stats.meanMs) * WEIGHT;
}

/** True if the recent attempts were all short. */
export function isShort(stats: NameStats): boolean {
  return stats.shortStreak >= STREAK;
}

/** The expected duration of the next attempt, in microseconds. */
export function estimateUs(stats: NameStats): number {
  const us = Math.round(stats.meanMs * 1000);
  return us > FLOOR_US ? us : FLOOR_US;
}

/** True if one more may be sent to a worker that has `aheadUs` of estimated work ahead. */
export function mayGoAhead(stats: NameStats, aheadUs: number): boolean {
  return isShort(stats) && aheadUs + estimateUs(stats) <= AHEAD_LIMIT_US;
}
