/**
 * Reads the input of a batch: as far ahead of the consumer as the buffer allows, and item by item,
 * while the submitter has room. A long input gives the event loop its turn between two budgets.
 */

import { Pace } from '../../shared/pace.js';
import type { BatchRun } from './batch-run.js';
import { type Answer, BatchInput, type Source } from './input.js';
import type { Submitter } from './submitter.js';

/** The budget of one turn of the event loop, in items and in milliseconds. */
const BUDGET_ITEMS = 256;
const BUDGET_MS = 5;

export class InputPump {
  readonly #submitter: Submitter;
  readonly #batch: BatchRun;
  readonly #input: BatchInput;
  readonly #bufferSize: number | undefined;
  readonly #unwatch: () => void;
  /** An item that was read while there is no room for it. */
  #inHand: { readonly value: unknown } | undefined;
  #pulled = 0;
  /** Taken by the consumer. */
  #freed = 0;
  /** The number of items that may have been read before the next goal is set. */
  #goal = 0;
  /** The items left in this turn; -1: the event loop has its turn. */
  #budget = BUDGET_ITEMS;
  /** The number of items: known beforehand, or when the input has ended. */
  total: number | undefined;
  /** The error of the input. */
  error: { readonly error: unknown } | undefined;

  constructor(submitter: Submitter, source: Source, bufferSize: number | undefined, batch: BatchRun) {
    this.#submitter = submitter;
    this.#batch = batch;
    this.#input = new BatchInput(source, (answer) => {
      this.#accept(answer);
      batch.schedule();
    });
    this.total = source.size;
    this.#bufferSize = bufferSize;
    this.#unwatch = submitter.waiters.watch(() => {
      if (!submitter.isOpen || (this.#inHand !== undefined && submitter.hasCapacity)) batch.schedule();
    });
  }

  /** Nothing more comes. */
  get isSpent(): boolean {
    return this.#input.hasEnded && this.#inHand === undefined;
  }

  /** The number of items not read yet; undefined: unknown. */
  get left(): number | undefined {
    return this.total === undefined ? undefined : Math.max(0, this.total - this.#pulled);
  }

  /** The consumer has taken `count` outcomes. Returns whether `pull` would read something now. */
  free(count: number): boolean {
    this.#freed += count;
    return this.#budget >= 0 && this.#nextGoal > this.#pulled;
  }

  /** Called neither from within itself nor by code of the program. */
  pull(): void {
    if (!this.#submitter.isOpen) this.#refuse();
    const { clock } = this.#submitter;
    const start = clock.now();
    const pace = new Pace(start);
    // The call of `map` itself reads a list, however slow the young process is, so that a `close()`
    // right after the call is no failure.
    const limitMs = this.#pulled === 0 && this.total !== undefined ? Number.POSITIVE_INFINITY : BUDGET_MS;
    while (this.#mayPull()) {
      if (pace.isWatched) {
        const now = clock.now();
        if (now - start > limitMs) this.#budget = 0;
        pace.read(now);
      } else pace.pass();
      if (this.#budget === 0) {
        this.#pullLater();
        return;
      }
      this.#budget -= 1;
      this.#pullOne();
    }
    if (this.#budget >= 0) this.#batch.chunker?.flush(); // nothing more comes for now
  }

  /**
   * The number of items that may have been read. Free places are not filled one by one: the items
   * would then go to a worker one by one, too. They add up to whole chunks first, or to a quarter
   * of a small buffer.
   */
  get #nextGoal(): number {
    const { chunker } = this.#batch;
    const chunkSize = chunker?.size ?? 1;
    const gathered = chunker?.gathered ?? 0;
    const limit = this.#bufferSize ?? this.#submitter.tasksAhead * chunkSize;
    const held = this.#pulled - this.#freed;
    const isEmpty = held === gathered;
    const step = isEmpty ? 1 : Math.min(chunkSize, Math.max(1, Math.floor(limit / 4)));
    const whole = Math.floor((limit - held + gathered) / step) * step;
    return this.#pulled + whole - gathered;
  }

  #mayPull(): boolean {
    if (this.#budget < 0 || !this.#batch.wantsMore()) return false;
    if (this.#inHand !== undefined) return this.#submitter.hasCapacity;
    if (!this.#input.isOpen || !this.#submitter.isOpen) return false;
    if (this.#pulled >= this.#goal) this.#goal = this.#nextGoal;
    return this.#pulled < this.#goal;
  }

  #pullLater(): void {
    this.#budget = -1;
    this.#submitter.clock.afterPoll(() => {
      this.#budget = BUDGET_ITEMS;
      this.#batch.schedule();
    });
  }

  #pullOne(): void {
    if (this.#inHand === undefined) {
      const answer = this.#input.ask();
      if (answer !== undefined) this.#accept(answer);
    }
    // The input is code of the program: it may have ended the batch or the pool.
    if (this.#inHand === undefined || !this.#mayPull()) return;
    const { value } = this.#inHand;
    this.#inHand = undefined;
    this.#batch.onItem(this.#pulled - 1, value);
  }

  #accept(answer: Answer): void {
    if (answer.kind === 'item') {
      this.#inHand = answer;
      this.#pulled += 1;
      return;
    }
    this.total = this.#pulled;
    if (answer.kind === 'error') this.error = answer;
    this.#batch.schedule();
  }

  /**
   * The pool takes no more. That is a failure only if the input has more items, so a synchronous
   * input is asked: a `close()` right after a map is no failure.
   */
  #refuse(): void {
    if (!this.#batch.wantsMore() || this.isSpent) return;
    if (!this.#input.isAsync && this.#inHand === undefined && this.#pulled > 0) {
      const answer = this.#input.ask();
      if (answer !== undefined) this.#accept(answer);
      // The input is code of the program: it may have ended the batch, or revived the pool.
      if (answer?.kind !== 'item' || this.#submitter.isOpen) return;
    }
    this.#batch.onRefused(this.#submitter.refusal());
  }

  /**
   * Reads nothing more. Resolves when the input's `return()` has resolved, or rejects with its
   * error.
   */
  close(): Promise<void> {
    this.#inHand = undefined;
    return this.#input.close();
  }

  /** The batch is over. */
  stop(): void {
    this.#unwatch();
  }
}
