/**
 * The verdict on a batch: why it ends otherwise than by its last item.
 *
 *   cause    because                     its tasks in flight           its consumer rejects
 *   item     an item failed ('stop')     are cancelled                 immediately
 *   input    the input threw             are cancelled with 'stop'     immediately with 'stop'
 *   refused  the pool takes no tasks     settle                        when the batch is over
 *   journal  the journal is unusable     are cancelled                 when the batch is over
 *   cancel   of cancel, kill, signal     end as they were asked to     when the batch is over
 *   left     its iteration was left      are cancelled                 never: nobody iterates
 */
import { TaskCancelledError } from '../../shared/errors.js';
import { because } from '../../shared/program.js';
import type { Outcome } from './outcome.js';
import { OutcomeRange } from './outcome-buffer.js';

type Cause = 'item' | 'input' | 'refused' | 'journal' | 'cancel' | 'left';

export interface Verdict {
  readonly cause: Cause;
  readonly error: () => unknown;
  /** The consumer rejects immediately, not only when everything in flight has settled. */
  readonly isPrompt: boolean;
}

/** The causes that replace a verdict which is not prompt. */
const REPLACED_BY: Readonly<Record<Cause, readonly Cause[]>> = {
  item: [],
  input: ['journal', 'cancel'],
  refused: ['item', 'journal', 'cancel'],
  journal: [],
  cancel: ['journal'],
  left: [],
};

/** A prompt verdict stays, because the consumer has it already. */
export function replaces(cause: Cause, verdict: Verdict | undefined): boolean {
  return verdict === undefined || (!verdict.isPrompt && REPLACED_BY[verdict.cause].includes(cause));
}

/** The error belongs to no item, so it takes a place of its own among the outcomes. */
export function isOfBatch(verdict: Verdict | undefined): verdict is Verdict {
  return verdict?.cause === 'input' || verdict?.cause === 'refused' || verdict?.cause === 'journal';
}

/** The failures of a batch's items, as far as its verdict depends on them. */
export class Failures {
  first: { readonly error: unknown } | undefined;
  /** A process was killed to end one of the items. */
  isForced = false;

  /** Returns the number of failures that were added. */
  add(settled: Outcome | OutcomeRange): number {
    if (settled instanceof OutcomeRange) {
      for (const { reason } of settled.failures) this.#add(reason);
      return settled.failures.length;
    }
    if (settled.status === 'fulfilled') return 0;
    this.#add(settled.reason);
    return 1;
  }

  #add(reason: unknown): void {
    this.first ??= { error: reason };
    if (reason instanceof TaskCancelledError && reason.forced) this.isForced = true;
  }
}

export function batchCancelled(
  { id, name }: { id: number | string; name: string },
  done: number,
  reason: unknown,
  forced: boolean,
): TaskCancelledError {
  return new TaskCancelledError(`batch ${id} (${name}) was cancelled after ${done} items${because(reason)}`, { reason, forced });
}
