/** How long a slot stays empty after a charged death: exponential back-off with jitter. */

export interface BackoffRule {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Varies each delay by up to this fraction, so that slots that died together restart apart. */
  readonly jitter: number;
}

/**
 * `initialMs` after the first failure, then `factor` times as long each time, at most `maxMs`;
 * ± `jitter`. `random` returns a number in [0, 1).
 */
export function backoffMs(rule: BackoffRule, failures: number, random: () => number): number {
  // The power may overflow to Infinity, and 0 × Infinity is NaN: hence the test for 0.
  if (failures < 1 || rule.initialMs === 0) return 0;
  const delayMs = Math.min(rule.maxMs, rule.initialMs * rule.factor ** (failures - 1));
  return delayMs * (1 + rule.jitter * (2 * random() - 1));
}
