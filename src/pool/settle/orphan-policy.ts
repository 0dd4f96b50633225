/** What becomes of a task whose worker died under it. One pure decision, in one place. */

export interface AttemptAtDeath {
  /** By the worker's note, which outlives it. */
  readonly started: boolean;
  /** Someone wanted this attempt ended: the worker may have been killed for it. */
  readonly target: 'cancel' | 'timeout' | undefined;
  readonly crashRetriesLeft: number;
  readonly timeoutRetriesLeft: number;
}

export type AfterDeath = 'redispatch' | 'cancelled' | 'timeout' | 'retry-timeout' | 'retry-crash' | 'died';

export function afterDeath(attempt: AttemptAtDeath): AfterDeath {
  // Cancelled means never (G6), and a cancelled attempt is never retried, however many retries are left:
  // whoever cancelled it wants it gone, whether or not it had started.
  if (attempt.target === 'cancel') return 'cancelled';
  // Timed out is not died: the worker's end is the pool's own doing, or came first by chance. Also if it had not
  // started: its deadline ran from the dispatch, because its worker was idle, so a stopped worker cannot hide from it.
  if (attempt.target === 'timeout') return attempt.timeoutRetriesLeft > 0 ? 'retry-timeout' : 'timeout';
  // It did nothing yet, so it cannot have killed the worker: sent again, uncounted, in front of its priority (G3, G5, G14).
  if (!attempt.started) return 'redispatch';
  // It had started, so it may have had effects: again only if the user said that this does no harm (G2, G3). The death may
  // have been requested for a neighbour or by killWorker: that makes no difference to what it may have done.
  return attempt.crashRetriesLeft > 0 ? 'retry-crash' : 'died';
}
