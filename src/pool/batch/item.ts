/** What a batch is made of: its items, its verdict, its consumer. */
import { TaskCancelledError } from '../../shared/errors.js';
import { because } from '../settle/error-messages.js';
import type { Outcome } from './outcome.js';
import { OutcomeRange } from './outcome-buffer.js';

/** Why a batch ends otherwise than by its last item. */
export interface Verdict {
  /** `item`: one failed, and that stops the rest. `input`: its iterator threw. `refused`: the pool takes no more. `journal`: it cannot be
   *  used. `cancel`: cancel, kill or the signal. `left`: its iteration was left. */
  readonly cause: 'item' | 'input' | 'refused' | 'journal' | 'cancel' | 'left';
  readonly error: () => unknown;
  /** The consumer hears of it at once, and not only when everything in flight has settled. */
  readonly isPrompt: boolean;
}

/** It is no item's, so among the outcomes it has a place of its own. */
export function isOfBatch(verdict: Verdict | undefined): verdict is Verdict {
  return verdict?.cause === 'input' || verdict?.cause === 'refused' || verdict?.cause === 'journal';
}

/** The arguments that an item stands for. Without it, an item is the only argument. */
export type ToArgs = (item: unknown) => readonly unknown[];

/** What the failures of its items mean for a batch. */
export class Failures {
  first: { readonly error: unknown } | undefined;
  /** A process was killed for one of them. */
  isForced = false;

  /** Gives how many there are. */
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

/** Whoever takes the outcomes: awaits all of them, or iterates. */
export interface Consumer {
  /** Outcomes have come, or the batch is over. */
  consume(): void;
}

export function batchCancelled(
  { id, name }: { id: number; name: string },
  done: number,
  reason: unknown,
  forced: boolean,
): TaskCancelledError {
  return new TaskCancelledError(`batch ${id} (${name}) was cancelled after ${done} items${because(reason)}`, { reason, forced });
}
