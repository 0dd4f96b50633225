/**
 * The journal of a batch: each finished item is written and synced before it is reported, so that after a crash of this
 * process the same map goes on where it was. Many items share one sync: what finishes while one is under way waits for the next.
 *
 *   opening → open → failed
 *
 * Once it has failed nothing more is written, as that would stand behind a torn line, and no item is reported as what it was.
 */

import type { Encoded } from '../../ipc/codec/codec.js';
import { EverpoolError, PoolBrokenError } from '../../shared/errors.js';
import { textOf } from '../../shared/program.js';
import type { TaskRecord } from '../task/task-record.js';
import type { BatchRun } from './batch-run.js';
import { JournalFile, keyOf, lineOf } from './journal-file.js';
import { type JournalStore, journalError } from './journal-store.js';
import { type Outcome, rejected } from './outcome.js';

type Tell = (outcome: Outcome) => void;

/** A finished item that is not on the disk yet. */
interface Kept {
  readonly outcome: Outcome;
  readonly key: string;
  readonly tell: Tell;
}

/** It is the item's own end, and none that was put to it from outside. */
export function isFinal(outcome: Outcome, record: TaskRecord): boolean {
  return record.state !== 'cancelled' && !(outcome.status === 'rejected' && outcome.reason instanceof PoolBrokenError);
}

export class Journal {
  readonly #path: string;
  readonly #resume: 'missing' | 'failed';
  readonly #batch: BatchRun;
  #state: 'opening' | 'open' | 'failed' = 'opening';
  #file: JournalFile | undefined;
  #error: EverpoolError | undefined;
  #waiting: Kept[] = [];
  #isWriting = false;

  constructor(store: JournalStore, path: string, task: string, resume: 'missing' | 'failed', batch: BatchRun) {
    this.#path = path;
    this.#resume = resume;
    this.#batch = batch;
    void this.#open(store, task);
  }

  async #open(store: JournalStore, task: string): Promise<void> {
    try {
      this.#file = await JournalFile.open(store, this.#path, task);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#state = 'open';
    this.#batch.schedule();
  }

  get isOpening(): boolean {
    return this.#state === 'opening';
  }
  get isOpen(): boolean {
    return this.#state === 'open';
  }
  /** It cannot be read, is another's, or cannot be written. */
  get error(): EverpoolError | undefined {
    return this.#error;
  }

  /** True: it is known how the item ended, and `tell` is called with that, later. The key is that of its arguments. @throws EverpoolError if it was another item */
  recall(index: number, encoded: Encoded, tell: Tell): { isKnown: boolean; key: string } {
    const file = this.#file as JournalFile;
    const key = keyOf(encoded);
    let state: ReturnType<JournalFile['state']>;
    try {
      state = file.state(index, key);
    } catch (error) {
      throw this.#fail(error);
    }
    const isKnown = state === 'succeeded' || (state === 'failed' && this.#resume === 'missing');
    if (isKnown) file.find(index).then(tell, (error: unknown) => tell(rejected(index, this.#fail(error))));
    return { isKnown, key };
  }

  /** The input has ended after so many: a journal that holds more is another's. */
  checkTotal(total = 0): void {
    const last = this.#file?.last ?? -1;
    if (last >= total)
      this.#fail(journalError(this.#path, `belongs to another input: it holds item ${last}, and there are ${total} items`));
  }

  /** `tell` is called with the outcome when it is on the disk; with an error in its place if it cannot be put there. */
  keep(outcome: Outcome, key: string, tell: Tell): void {
    this.#waiting.push({ outcome, key, tell });
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    await undefined; // the item is being settled: what settles with it is written with it
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const error = await this.#append(waiting);
      for (const { outcome, tell } of waiting)
        tell(error === undefined ? outcome : rejected(outcome.index, error, outcome.attempts, outcome.ms));
    }
    this.#isWriting = false;
  }

  /** Gives what keeps them from the disk. */
  async #append(waiting: readonly Kept[]): Promise<EverpoolError | undefined> {
    if (this.#error !== undefined) return this.#error;
    try {
      await (this.#file as JournalFile).append(waiting.map(({ outcome, key }) => lineOf(outcome, key)));
      return undefined;
    } catch (error) {
      return this.#fail(journalError(this.#path, `cannot be written: ${textOf(error)}`, error));
    }
  }

  /** The first error is that of all. */
  #fail(error: unknown): EverpoolError {
    const first = this.#error ?? (error instanceof EverpoolError ? error : journalError(this.#path, textOf(error), error));
    if (this.#error !== undefined) return first;
    this.#error = first;
    this.#state = 'failed';
    this.#batch.schedule();
    return first;
  }

  /** The batch is over: another may open it. */
  close(): void {
    void this.#file?.close();
  }
}
