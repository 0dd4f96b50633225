/**
 * Which tasks are sent ahead to a busy worker (G11): those whose name has only been short lately, and never
 * more than 1 ms of estimated work. Pure decisions over one small record for each name. Estimates are whole numbers, which V8 keeps
 * without an object for each.
 */

/** The most work that is sent ahead to one worker: 1 ms. */
export const AHEAD_LIMIT_US = 1000;
/** An attempt that takes so long is not short. */
const SHORT_MS = 1;
/** How many short ones in a row make a name short. */
const STREAK = 8;
/** No task is free: with this at most 500 are ahead, however short they are. */
const FLOOR_US = 2;
/** The weight of the newest attempt in the mean. */
const WEIGHT = 1 / 8;

export interface NameStats {
  readonly name: string;
  readonly id: number;
  /** Attempts in a row, up to the last one, that were short. */
  shortStreak: number;
  /** The exponentially weighted mean of their durations. */
  meanMs: number;
}

export function newNameStats(name: string, id: number): NameStats {
  // -0.5 and not -1 or 0: V8 keeps the field a double from the start, and never again a small integer.
  return { name, id, shortStreak: 0, meanMs: -0.5 };
}

/** An attempt of that name has ended, however it ended, after `ms`. */
export function observe(stats: NameStats, ms: number): void {
  const tookMs = ms >= 0 ? ms : SHORT_MS; // NaN would stay in the mean for ever
  stats.shortStreak = tookMs < SHORT_MS ? stats.shortStreak + 1 : 0;
  stats.meanMs = stats.meanMs < 0 ? tookMs : stats.meanMs + (tookMs - stats.meanMs) * WEIGHT;
}

/** Its recent attempts were all short. */
export function isShort(stats: NameStats): boolean {
  return stats.shortStreak >= STREAK;
}

/** How long its next attempt is taken to be, in microseconds. */
export function estimateUs(stats: NameStats): number {
  const us = Math.round(stats.meanMs * 1000);
  return us > FLOOR_US ? us : FLOOR_US;
}

/** One more may be sent to a worker that has `aheadUs` of estimated work ahead. */
export function mayGoAhead(stats: NameStats, aheadUs: number): boolean {
  return isShort(stats) && aheadUs + estimateUs(stats) <= AHEAD_LIMIT_US;
}
