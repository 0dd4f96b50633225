/**
 * The items of a batch that go one by one, each as a task of its own. chunker.ts has those that go
 * together.
 */

import type { ResolvedTaskOptions } from '../options/task-options.js';
import { encodeArgs } from '../task/encode-args.js';
import type { BatchRun } from './batch-run.js';
import { isFinal, type Journal } from './journal.js';
import { fulfilled, type Outcome, rejected } from './outcome.js';
import type { BatchTask, ItemSettler, Submitter, TaskEnd } from './submitter.js';

export class SingleTasks {
  readonly #submitter: Submitter;
  readonly #options: ResolvedTaskOptions;
  readonly #journal: Journal | undefined;
  readonly #batch: BatchRun;
  readonly #inFlight = new Set<Single>();

  constructor(submitter: Submitter, options: ResolvedTaskOptions, journal: Journal | undefined, batch: BatchRun) {
    this.#submitter = submitter;
    this.#options = options;
    this.#journal = journal;
    this.#batch = batch;
  }

  get isEmpty(): boolean {
    return this.#inFlight.size === 0;
  }

  tasks(): BatchTask[] {
    return [...this.#inFlight].flatMap(({ task }) => task ?? []);
  }

  /** An item that cannot be submitted rejects with the reason. */
  submit(index: number, args: readonly unknown[]): void {
    const item = new Single(this, index);
    this.#inFlight.add(item);
    try {
      this.#submit(item, args);
    } catch (error) {
      this.#report(item, rejected(index, error));
    }
  }

  #submit(item: Single, args: readonly unknown[]): void {
    const submitter = this.#submitter;
    const encoded = encodeArgs(submitter.name, args);
    if (this.#journal !== undefined) {
      const { isKnown, key } = this.#journal.recall(item.index, encoded, (outcome) => this.#report(item, outcome));
      item.key = key;
      if (isKnown) return;
    }
    // Code of the program ran while the arguments were encoded. It may have ended the pool, where
    // the task would never start.
    if (!submitter.isOpen) throw submitter.refusal();
    item.task = submitter.submit(item.index, encoded, this.#options, item);
    this.#batch.onSubmitted(item.task);
  }

  /** With a journal, the item is reported once its outcome is on the disk. */
  onSettled(item: Single, outcome: Outcome, end: TaskEnd): void {
    const { key } = item;
    if (this.#journal === undefined || key === undefined || !isFinal(outcome, end)) this.#report(item, outcome);
    else this.#journal.write(outcome, key, (written) => this.#report(item, written));
  }

  #report(item: Single, outcome: Outcome): void {
    if (this.#inFlight.delete(item)) this.#batch.onItemsSettled(outcome);
  }
}

/** One item while its task is on its way. */
class Single implements ItemSettler {
  readonly index: number;
  readonly #owner: SingleTasks;
  task: BatchTask | undefined;
  /** With a journal: the key of the arguments. */
  key: string | undefined;

  constructor(owner: SingleTasks, index: number) {
    this.#owner = owner;
    this.index = index;
  }
  resolve(value: unknown, end: TaskEnd): void {
    this.#owner.onSettled(this, fulfilled(this.index, value, end.starts, end.tookMs), end);
  }
  reject(reason: unknown, end: TaskEnd): void {
    this.#owner.onSettled(this, rejected(this.index, reason, end.starts, end.tookMs), end);
  }
}
