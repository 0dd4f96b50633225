/** What a batch is made of: its items, its verdict, its consumer. */
import { TaskCancelledError } from '../shared/errors.js';
import { Stretch } from './batch-outlet.js';
import { because } from './messages.js';
import { fulfilled, type Outcome, rejected } from './outcome.js';
import { type Settler, type TaskRecord, tookMs } from './record.js';

/** Why a batch ends otherwise than by its last item. */
export interface Verdict {
  /** `item`: one failed, and that stops the rest. `input`: its iterator threw. `refused`: the pool takes no more.
   *  `cancel`: cancel, kill or the signal. `left`: its iteration was left. */
  readonly cause: 'item' | 'input' | 'refused' | 'cancel' | 'left';
  readonly error: () => unknown;
  /** The consumer hears of it at once, and not only when everything in flight has settled. */
  readonly isPrompt: boolean;
}

/** The arguments that an item stands for. Without it, an item is the only argument. */
export type ToArgs = (item: unknown) => readonly unknown[];

/** What the failures of its items mean for a batch. */
export class Failures {
  first: { readonly error: unknown } | undefined;
  /** A process was killed for one of them. */
  isForced = false;

  /** Gives how many there are. */
  note(settled: Outcome | Stretch): number {
    if (settled instanceof Stretch) {
      for (const { reason } of settled.failures) this.#note(reason);
      return settled.failures.length;
    }
    if (settled.status === 'fulfilled') return 0;
    this.#note(settled.reason);
    return 1;
  }

  #note(reason: unknown): void {
    this.first ??= { error: reason };
    if (reason instanceof TaskCancelledError && reason.forced) this.isForced = true;
  }
}

/** Whoever takes the outcomes: awaits all of them, or iterates. */
export interface Consumer {
  /** Outcomes have come, or the batch is over. */
  consume(): void;
}

/** The batch of an item. */
interface ItemUser {
  onSettled(item: Item, outcome: Outcome, record: TaskRecord | undefined): void;
}

/** One item on its way through the pool, alone (chunk.ts has those that go together). */
export class Item implements Settler {
  readonly #run: ItemUser;
  readonly #index: number;
  record: TaskRecord | undefined;
  /** With a journal: that of its arguments. */
  key: string | undefined;

  constructor(run: ItemUser, index: number) {
    this.#run = run;
    this.#index = index;
  }
  resolve(value: unknown, record: TaskRecord): void {
    this.#run.onSettled(this, fulfilled(this.#index, value, record.starts, tookMs(record)), record);
  }
  reject(reason: unknown, record?: TaskRecord): void {
    this.#run.onSettled(this, rejected(this.#index, reason, record?.starts, tookMs(record)), record);
  }
}

export function batchCancelled(
  { id, name }: { id: number; name: string },
  done: number,
  reason: unknown,
  forced: boolean,
): TaskCancelledError {
  return new TaskCancelledError(`batch ${id} (${name}) was cancelled after ${done} items${because(reason)}`, { reason, forced });
}
