/** How long to wait before a slot whose worker died, charged, is filled again. */

export interface BackoffRule {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** The fraction by which a delay is varied, so that slots that died together do not come back together. */
  readonly jitter: number;
}

/** After the first failure `initialMs`, then `factor` times as long each time, at most `maxMs`; ± `jitter`. `random` is in [0, 1). */
export function backoffMs(rule: BackoffRule, failures: number, random: () => number): number {
  // The power overflows to Infinity, and 0 × Infinity is NaN: hence the test for 0.
  if (failures < 1 || rule.initialMs === 0) return 0;
  const delayMs = Math.min(rule.maxMs, rule.initialMs * rule.factor ** (failures - 1));
  return delayMs * (1 + rule.jitter * (2 * random() - 1));
}
