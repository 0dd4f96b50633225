/** Decides what is reported of an attempt that has ended. */
import type { EncodedOutcome } from '../../pool/handles/submit-encoded.js';
import { PoolBrokenError, PoolClosedError, TaskTimeoutError, WorkerDiedError } from '../../shared/errors.js';
import type { Past } from '../wire/task.js';
import type { TakenState } from './taken-state.js';

/**
 * `abandon`: nothing. `return`: it has not started, so any host may take it. `value`, `thrown`,
 * `error`: as the outcome says. `cancelled`: it was ended on request. `drained`: it was killed with
 * its host.
 */
export type Verdict = 'abandon' | 'return' | 'value' | 'thrown' | 'error' | 'cancelled' | 'drained';

/** @param isPoolOpen the local pool starts tasks */
export function verdictOf(state: TakenState, outcome: EncodedOutcome, isPoolOpen: boolean): Verdict {
  if (state === 'fenced') return 'abandon';
  if (outcome.status === 'succeeded') return 'value';
  if (outcome.attempts === 0) {
    if (state === 'ending') return 'cancelled'; // it never starts, anywhere (C6)
    if (state === 'drained' || isPoolAway(outcome, isPoolOpen)) return 'return';
  }
  if ('thrown' in outcome) return 'thrown';
  if (outcome.status === 'failed') return 'error';
  return state === 'drained' ? 'drained' : 'cancelled';
}

function isPoolAway(outcome: EncodedOutcome, isPoolOpen: boolean): boolean {
  if (!('error' in outcome)) return false;
  if (outcome.status === 'cancelled') return !isPoolOpen;
  return outcome.error instanceof PoolBrokenError || outcome.error instanceof PoolClosedError;
}

/** Which of its retries the failure takes; undefined: none, so it is final. */
export function failureOf(verdict: Verdict, outcome: EncodedOutcome): keyof Past | undefined {
  if (verdict === 'thrown') return 'error';
  if (verdict === 'drained') return 'crash';
  if (verdict !== 'error' || !('error' in outcome)) return undefined;
  if (outcome.error instanceof WorkerDiedError) return 'crash';
  return outcome.error instanceof TaskTimeoutError && outcome.error.kind === 'run' ? 'timeout' : undefined;
}
