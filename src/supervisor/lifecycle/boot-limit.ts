/**
 * The time limit of a boot. What the worker has waited for a processor is added: if many boot on a
 * small machine, that is no fault of theirs.
 */
import type { Patience } from '../../shared/patience.js';
import type { WorkerProcess } from '../../shared/platform.js';

/** The share of its time limit that a boot must have waited before it gets more time. */
const LEAST_SHARE = 0.01;

/** Calls back unless the patience is stopped before. */
export function startBootLimit(patience: Patience, child: WorkerProcess, limitMs: number, onOver: () => void): void {
  const wait = (forMs: number, waitedMs: number): void =>
    patience.start(forMs, () => {
      const nowMs = child.waitedMs();
      const lostMs = nowMs - waitedMs;
      if (lostMs < LEAST_SHARE * limitMs) onOver();
      else wait(lostMs, nowMs);
    });
  wait(limitMs, 0);
}
