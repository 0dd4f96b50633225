/**
 * Decides what happens to a task whose worker died. One pure decision, in one place; settlement.ts
 * carries it out.
 */

export interface AttemptAtDeath {
  /** From the control file, which outlives the worker. */
  readonly started: boolean;
  /** Set if this attempt was to be ended; the worker may have been killed for it. */
  readonly target: 'cancel' | 'timeout' | undefined;
  readonly crashRetriesLeft: number;
  readonly timeoutRetriesLeft: number;
}

export type AfterDeath = 'redispatch' | 'cancelled' | 'timeout' | 'retry-timeout' | 'retry-crash' | 'died';

export function afterDeath(attempt: AttemptAtDeath): AfterDeath {
  // A cancelled task never starts (G6), and a cancelled attempt is never retried, however many
  // retries are left and whether or not it had started.
  if (attempt.target === 'cancel') return 'cancelled';
  // A timeout is not a death: the pool ended the worker, or the worker's own death came first by
  // chance. The same holds if it had not started: its worker was idle, so its deadline ran from the
  // dispatch, and a stopped worker cannot escape it.
  if (attempt.target === 'timeout') return attempt.timeoutRetriesLeft > 0 ? 'retry-timeout' : 'timeout';
  // It had done nothing, so it cannot have killed the worker: it is sent again, uncounted, at the
  // front of its priority (G3, G5, G14).
  if (!attempt.started) return 'redispatch';
  // It had started, so it may have had side effects: it runs again only if the user allowed that
  // (G2, G3). That the death was requested, for a neighbour or by killWorker, does not undo those
  // effects.
  return attempt.crashRetriesLeft > 0 ? 'retry-crash' : 'died';
}
