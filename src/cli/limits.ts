/** Durations on the command line, and a time limit that follows the running median. */
import type { Pool } from '../pool/pool.js';
import { UsageError } from './exit.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The median of fewer attempts means nothing. */
const LEAST_FOR_MEDIAN = 3;
const POLL_MS = 50;

export type Limit = { readonly ms: number } | { readonly percent: number };

/**
 * Parses `250ms`, `30s`, `2m`, `1h`, `300%` (of the median); a bare number is seconds.
 * @throws UsageError
 */
export function parseLimit(text: string): Limit {
  const percent = /^(\d+(?:\.\d+)?)%$/.exec(text)?.[1];
  const limit: Limit = percent === undefined ? { ms: millisecondsIn(text) ?? 0 } : { percent: Number(percent) };
  if (Object.values(limit)[0] === 0)
    throw new UsageError(`--timeout: expected a time such as 30s, 500ms or 2m, or 300% of the median, got '${text}'`);
  return limit;
}

/**
 * Parses `250ms`, `30s`, `2m`, `1h`; a bare number is seconds.
 * @throws UsageError
 */
export function parseDuration(option: string, text: string): number {
  const ms = millisecondsIn(text);
  if (ms === undefined) throw new UsageError(`${option}: expected a time such as 15s, 500ms or 2m, got '${text}'`);
  return ms;
}

function millisecondsIn(text: string): number | undefined {
  const [, number, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  return number === undefined ? undefined : Number(number) * (UNITS[unit] as number);
}

/**
 * Kills each worker whose task runs longer than `percent` of the median run time, and reports the
 * task with the limit it had. Returns a function that stops the watch.
 */
export function killSlow(pool: Pool<object>, percent: number, onKilled: (taskId: number, limitMs: number) => void): () => void {
  const timer = setInterval(() => {
    const { count, p50 } = pool.stats().runMs;
    if (count < LEAST_FOR_MEDIAN) return;
    const limitMs = Math.max((p50 * percent) / 100, 1);
    for (const { id, tasks } of pool.workers()) {
      const [task] = tasks;
      if (task === undefined || task.runningMs <= limitMs) continue;
      onKilled(task.id, limitMs);
      pool.killWorker(id).catch(() => undefined);
    }
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
