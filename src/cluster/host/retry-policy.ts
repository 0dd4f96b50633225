/**
 * Decides whether a task may start here, and whether it may start again. The counters are in the
 * task itself and in the store, so the bounds hold across all hosts (C2, C3).
 */
import type { Past, ReadTask } from '../wire/task.js';

/** What a task has behind it: by its own record, and by that of the store. */
export interface Behind {
  /** How often a host that had it fell silent. */
  readonly silences: number;
  /** How often it failed and was reported to be tried again. */
  readonly failures: number;
}

/** Why a taken task does not start; undefined: it does. */
export type StartRefusal = 'silent' | 'queue-timeout' | undefined;

/** @param now milliseconds since the Unix epoch */
export function startRefusal({ head, past }: ReadTask, { silences, failures }: Behind, now: number): StartRefusal {
  // The host that fell silent may have started it.
  if (silences + past.crash > head.retries.crash) return 'silent';
  if (failures + silences > 0 || head.queueTimeoutMs === undefined) return undefined;
  return now - head.at > head.queueTimeoutMs ? 'queue-timeout' : undefined;
}

/** The number of the attempt that begins now, from 1. */
export function attemptOf({ silences, failures }: Behind): number {
  return 1 + silences + failures;
}

export interface Retry {
  readonly past: Past;
  readonly delayMs: number;
}

/** @param kind how the attempt failed @returns undefined if it was the last one */
export function retryAfter(kind: keyof Past, { head, past }: ReadTask, behind: Behind): Retry | undefined {
  const spent = kind === 'crash' ? past.crash + behind.silences : past[kind];
  if (spent >= head.retries[kind]) return undefined;
  const delayMs = head.delaysMs[attemptOf(behind) - 1] ?? head.delaysMs.at(-1) ?? 0;
  return { past: { ...past, [kind]: past[kind] + 1 }, delayMs };
}
