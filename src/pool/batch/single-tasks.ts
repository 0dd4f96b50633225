/**
 * The items of a batch that go one by one, each as a task of its own. chunker.ts has those that go
 * together.
 */

import { encodeArgs } from '../handles/submit.js';
import type { ResolvedTaskOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import type { NameStats } from '../task/task-durations.js';
import { type Settler, type TaskRecord, tookMs } from '../task/task-record.js';
import type { BatchRun } from './batch-run.js';
import { isFinal, type Journal } from './journal.js';
import { fulfilled, type Outcome, rejected } from './outcome.js';

export class SingleTasks {
  readonly #core: PoolContext;
  readonly #task: ResolvedTaskOptions;
  readonly #journal: Journal | undefined;
  readonly #batch: BatchRun;
  readonly #inFlight = new Set<Single>();

  constructor(core: PoolContext, task: ResolvedTaskOptions, journal: Journal | undefined, batch: BatchRun) {
    this.#core = core;
    this.#task = task;
    this.#journal = journal;
    this.#batch = batch;
  }

  get isEmpty(): boolean {
    return this.#inFlight.size === 0;
  }

  records(): TaskRecord[] {
    return [...this.#inFlight].flatMap(({ record }) => record ?? []);
  }

  /** An item that cannot be submitted rejects with the reason. */
  submit(index: number, name: NameStats, args: readonly unknown[]): void {
    const item = new Single(this, index);
    this.#inFlight.add(item);
    try {
      this.#submit(item, name, args);
    } catch (error) {
      this.#report(item, rejected(index, error));
    }
  }

  #submit(item: Single, name: NameStats, args: readonly unknown[]): void {
    const core = this.#core;
    const encoded = encodeArgs(name.name, args);
    if (this.#journal !== undefined) {
      const { isKnown, key } = this.#journal.recall(item.index, encoded, (outcome) => this.#report(item, outcome));
      item.key = key;
      if (isKnown) return;
    }
    // Code of the program ran while the arguments were encoded. It may have ended the pool, where
    // the task would never start.
    if (core.poolState.state !== 'open') throw core.refusal();
    item.record = core.submit(name, 0, encoded, this.#task, item);
    this.#batch.onSubmitted(item.record);
  }

  /** With a journal, the item is reported once its outcome is on the disk. */
  onSettled(item: Single, outcome: Outcome, record: TaskRecord | undefined): void {
    const { key } = item;
    if (this.#journal === undefined || key === undefined || record === undefined || !isFinal(outcome, record)) this.#report(item, outcome);
    else this.#journal.write(outcome, key, (written) => this.#report(item, written));
  }

  #report(item: Single, outcome: Outcome): void {
    if (this.#inFlight.delete(item)) this.#batch.onItemsSettled(outcome);
  }
}

/** One item while its task is in the pool. */
class Single implements Settler {
  readonly index: number;
  readonly #owner: SingleTasks;
  record: TaskRecord | undefined;
  /** With a journal: the key of the arguments. */
  key: string | undefined;

  constructor(owner: SingleTasks, index: number) {
    this.#owner = owner;
    this.index = index;
  }
  resolve(value: unknown, record: TaskRecord): void {
    this.#owner.onSettled(this, fulfilled(this.index, value, record.starts, tookMs(record)), record);
  }
  reject(reason: unknown, record?: TaskRecord): void {
    this.#owner.onSettled(this, rejected(this.index, reason, record?.starts, tookMs(record)), record);
  }
}
