/**
 * The journal of a batch. Each finished item is written and synced before it is reported, so that
 * after a crash of this process the same map goes on where it was. Many items share one sync: an
 * item that finishes while a sync runs waits for the next one.
 *
 *   opening → open → failed
 *      └───────────────▲
 *
 * After a failure nothing more is written, because it would stand behind a torn line, and every
 * item that is not written yet rejects with that failure.
 */

import type { Encoded } from '../../ipc/codec/codec.js';
import { EverpoolError, PoolBrokenError } from '../../shared/errors.js';
import { textOf } from '../../shared/program.js';
import type { BatchRun } from './batch-run.js';
import { JournalFile, keyOf, lineOf } from './journal-file.js';
import { type JournalStore, journalError } from './journal-store.js';
import { type Outcome, rejected } from './outcome.js';
import type { TaskEnd } from './submitter.js';

type Report = (outcome: Outcome) => void;

/** A finished item that is not on the disk yet. */
interface Unwritten {
  readonly outcome: Outcome;
  readonly key: string;
  readonly report: Report;
}

/** The item ended by itself: not cancelled, nor rejected because the pool broke. */
export function isFinal(outcome: Outcome, { isCancelled }: TaskEnd): boolean {
  return !isCancelled && !(outcome.status === 'rejected' && outcome.reason instanceof PoolBrokenError);
}

export class Journal {
  readonly #path: string;
  readonly #resume: 'missing' | 'failed';
  readonly #batch: BatchRun;
  #state: 'opening' | 'open' | 'failed' = 'opening';
  #file: JournalFile | undefined;
  #error: EverpoolError | undefined;
  #waiting: Unwritten[] = [];
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
  /** The file cannot be read, belongs to another map, or cannot be written. */
  get error(): EverpoolError | undefined {
    return this.#error;
  }

  /**
   * `isKnown`: the journal has the item, and `report` is called with its outcome, later. The key is
   * that of its arguments.
   * @throws EverpoolError if the journal has other arguments for it
   */
  recall(index: number, encoded: Encoded, report: Report): { isKnown: boolean; key: string } {
    const file = this.#file as JournalFile;
    const key = keyOf(encoded);
    let state: ReturnType<JournalFile['state']>;
    try {
      state = file.state(index, key);
    } catch (error) {
      throw this.#fail(error);
    }
    const isKnown = state === 'succeeded' || (state === 'failed' && this.#resume === 'missing');
    if (isKnown) file.find(index).then(report, (error: unknown) => report(rejected(index, this.#fail(error))));
    return { isKnown, key };
  }

  /**
   * The input has ended after `total` items: a journal that holds more belongs to another input.
   */
  checkTotal(total = 0): void {
    const last = this.#file?.last ?? -1;
    if (last >= total)
      this.#fail(journalError(this.#path, `belongs to another input: it holds item ${last}, and there are ${total} items`));
  }

  /**
   * Calls `report` with the outcome when it is on the disk; if it cannot be written, with that
   * error.
   */
  write(outcome: Outcome, key: string, report: Report): void {
    this.#waiting.push({ outcome, key, report });
    if (!this.#isWriting) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#isWriting = true;
    await undefined; // items that settle in the same turn share one write
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const error = await this.#append(waiting);
      for (const { outcome, report } of waiting)
        report(error === undefined ? outcome : rejected(outcome.index, error, outcome.attempts, outcome.ms));
    }
    this.#isWriting = false;
  }

  /** Returns the error that keeps them from the disk. */
  async #append(waiting: readonly Unwritten[]): Promise<EverpoolError | undefined> {
    if (this.#error !== undefined) return this.#error;
    try {
      await (this.#file as JournalFile).append(waiting.map(({ outcome, key }) => lineOf(outcome, key)));
      return undefined;
    } catch (error) {
      return this.#fail(journalError(this.#path, `cannot be written: ${textOf(error)}`, error));
    }
  }

  /** Returns the first error, which counts for all. */
  #fail(error: unknown): EverpoolError {
    const first = this.#error ?? (error instanceof EverpoolError ? error : journalError(this.#path, textOf(error), error));
    if (this.#error !== undefined) return first;
    this.#error = first;
    this.#state = 'failed';
    this.#batch.schedule();
    return first;
  }

  /** The batch is over: another may open the file. */
  close(): void {
    void this.#file?.close();
  }
}
