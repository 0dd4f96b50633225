/**
 * The journal of a batch: each finished item is written and synced before it is reported, so that after a crash of this
 * process the same map goes on where it was. Many items share one sync: what finishes while one is under way waits for the next.
 */
import type { Encoded } from '../ipc/codec.js';
import { PoolBrokenError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import { JournalFile, journalError, keyOf, lineOf } from './journal-file.js';
import { type Outcome, rejected } from './outcome.js';
import type { TaskRecord } from './record.js';

export interface JournalUser {
  /** It has been read: the batch may begin. */
  onOpened(): void;
  /** It cannot be read, is another's, or cannot be written. */
  onJournalError(error: unknown): void;
}

/** It is the item's own end, and none that was put to it from outside. */
export function isFinal(outcome: Outcome, record: TaskRecord): boolean {
  return record.state !== 'cancelled' && !(outcome.status === 'rejected' && outcome.reason instanceof PoolBrokenError);
}

/** In this process: two writers would mix their lines. */
const open = new Set<string>();

export class Journal {
  readonly #path: string;
  readonly #resume: 'missing' | 'failed';
  readonly #user: JournalUser;
  #file: JournalFile | undefined;
  #lines = '';
  #waiting: (() => void)[] = [];
  #isWriting = false;
  #isClosed = false;

  constructor(path: string, task: string, resume: 'missing' | 'failed', user: JournalUser) {
    this.#path = path;
    this.#resume = resume;
    this.#user = user;
    const begin = async (): Promise<void> => {
      if (open.has(path)) throw journalError(path, 'is being written by another map of this process');
      open.add(path);
      try {
        this.#file = await JournalFile.open(path, task);
      } catch (error) {
        open.delete(path);
        throw error;
      }
      if (this.#isClosed) await this.#end();
      else user.onOpened();
    };
    begin().catch((error: unknown) => user.onJournalError(error));
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** True: it is known how the item ended, and `tell` is called with that, later. The key is that of its arguments. */
  recall(index: number, encoded: Encoded, tell: (outcome: Outcome) => void): { isKnown: boolean; key: string } {
    const file = this.#file as JournalFile;
    const key = keyOf(encoded);
    const state = file.state(index);
    if (state === 'missing') return { isKnown: false, key };
    const isKnown = state === 'succeeded' || this.#resume === 'missing';
    file.find(index, key).then(
      (outcome) => {
        if (isKnown) tell(outcome as Outcome);
      },
      (error: unknown) => {
        this.#user.onJournalError(error);
        if (isKnown) tell(rejected(index, error));
      },
    );
    return { isKnown, key };
  }

  /** The input has ended after so many: a journal that holds more is another's. */
  checkTotal(total = 0): void {
    const last = this.#file?.last ?? -1;
    if (last < total) return;
    this.#user.onJournalError(journalError(this.#path, `belongs to another input: it holds item ${last}, and there are ${total} items`));
  }

  /** Calls back when the outcome is on the disk. */
  keep(outcome: Outcome, key: string, done: () => void): void {
    try {
      this.#lines += lineOf(outcome, key);
    } catch (error) {
      this.#user.onJournalError(error);
      return;
    }
    this.#waiting.push(done);
    if (!this.#isWriting) void this.#write();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const [lines, waiting] = [this.#lines, this.#waiting];
      this.#lines = '';
      this.#waiting = [];
      try {
        await (this.#file as JournalFile).append(lines);
      } catch (error) {
        this.#user.onJournalError(journalError(this.#path, `cannot be written: ${String(error)}`, error));
      }
      for (const done of waiting) done();
    }
    this.#isWriting = false;
    if (this.#isClosed) await this.#end();
  }

  /** The batch is over. */
  close(): void {
    this.#isClosed = true;
    if (this.#file !== undefined && !this.#isWriting) void this.#end();
  }

  async #end(): Promise<void> {
    open.delete(this.#path);
    await this.#file?.close().catch(ignore);
  }
}
