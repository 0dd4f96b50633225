/**
 * The pulling side of a batch: takes items out of the input as far ahead as the buffer allows, and hands
 * them on one by one while the pool has room for them.
 */

import { Pace } from '../../shared/pace.js';
import type { PoolContext } from '../pool-context.js';
import type { BatchRun } from './batch-run.js';
import { type Answer, BatchInput, type Source } from './input.js';

/** So many items, or so many milliseconds, and the event loop has its turn: a long input must not starve it. */
const BUDGET_ITEMS = 256;
const BUDGET_MS = 5;
/** By default so many items are pulled ahead for each place in which a task can run. */
const AHEAD = 4;

export class InputPump {
  readonly #core: PoolContext;
  readonly #batch: BatchRun;
  readonly #input: BatchInput;
  readonly #bufferSize: number | undefined;
  readonly #unwatch: () => void;
  /** Pulled, and the pool has no room for it yet. */
  #inHand: { readonly value: unknown } | undefined;
  #pulled = 0;
  #freed = 0;
  #goal = 0;
  #budget = BUDGET_ITEMS; // what is left of it; -1: the event loop has its turn
  /** How many items there are: known beforehand, or when the input has ended. */
  total: number | undefined;
  /** What the input threw. */
  error: { readonly error: unknown } | undefined;

  constructor(core: PoolContext, source: Source, options: { readonly bufferSize: number | undefined }, batch: BatchRun) {
    this.#core = core;
    this.#batch = batch;
    this.#input = new BatchInput(source, (answer) => {
      this.#take(answer);
      batch.schedule();
    });
    this.total = source.size;
    this.#bufferSize = options.bufferSize;
    this.#unwatch = core.waiters.watch(() => {
      if (core.supervisor.state !== 'open' || (this.#inHand !== undefined && this.#hasCapacity)) batch.schedule();
    });
  }

  /** Nothing more comes from here. */
  get isSpent(): boolean {
    return this.#input.hasEnded && this.#inHand === undefined;
  }

  /** Items that are not pulled yet; undefined: unknown. */
  get left(): number | undefined {
    return this.total === undefined ? undefined : Math.max(0, this.total - this.#pulled);
  }

  /** So many places in the buffer are free again. True: something is pulled now if `pull` is called. */
  free(count: number): boolean {
    this.#freed += count;
    return this.#budget >= 0 && this.#nextGoal > this.#pulled;
  }

  /** Never called from within itself, nor by the user's code. */
  pull(): void {
    if (this.#core.supervisor.state !== 'open') this.#refuse();
    const { clock } = this.#core;
    const start = clock.now();
    const pace = new Pace(start);
    // What a list has is taken by the call itself, however slow the process is in its beginning: `close()` right behind it is no failure.
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
    if (this.#budget >= 0) this.#batch.onPause(); // else it goes on soon
  }

  get #limit(): number {
    return this.#bufferSize ?? AHEAD * this.#core.supervisor.max * this.#core.options.concurrency * this.#batch.chunkSize;
  }

  /**
   * Up to which item may be pulled. Whatever is free is not filled at once: pulled as they are taken, the items of a chunk would
   * be pulled one by one, and go to a worker so. What is free adds up to whole chunks first, or to a part of a small buffer.
   */
  get #nextGoal(): number {
    const limit = this.#limit;
    const { chunkSize, gathered } = this.#batch;
    const held = this.#pulled - this.#freed;
    const isEmpty = held === gathered;
    const step = isEmpty ? 1 : Math.min(chunkSize, Math.max(1, Math.floor(limit / 4)));
    const whole = Math.floor((limit - held + gathered) / step) * step;
    return this.#pulled + whole - gathered;
  }

  get #hasCapacity(): boolean {
    const { queue, dispatcher, options } = this.#core;
    return queue.size - dispatcher.freePlaces < options.queueLimit;
  }

  #mayPull(): boolean {
    if (this.#budget < 0 || this.#core.supervisor.state !== 'open' || !this.#batch.wantsMore()) return false;
    if (this.#inHand !== undefined) return this.#hasCapacity;
    if (this.#input.hasEnded || this.#input.isAsking) return false;
    if (this.#pulled >= this.#goal) this.#goal = this.#nextGoal;
    return this.#pulled < this.#goal;
  }

  #pullLater(): void {
    this.#budget = -1;
    this.#core.clock.afterPoll(() => {
      this.#budget = BUDGET_ITEMS;
      this.#batch.schedule();
    });
  }

  #pullOne(): void {
    if (this.#inHand === undefined) {
      const answer = this.#input.ask();
      if (answer !== undefined) this.#take(answer);
    }
    // The input is the user's code: it may have ended the batch or the pool.
    if (this.#inHand === undefined || !this.#mayPull()) return;
    const { value } = this.#inHand;
    this.#inHand = undefined;
    this.#batch.onItem(this.#pulled - 1, value);
  }

  #take(answer: Answer): void {
    if (answer.kind === 'item') {
      this.#inHand = answer;
      this.#pulled += 1;
      return;
    }
    this.total = this.#pulled;
    if (answer.kind === 'error') this.error = answer;
    this.#batch.schedule();
  }

  /** Only an input that has more to give is refused; a synchronous one is asked, so that `close()` right behind a map is no failure. */
  #refuse(): void {
    if (!this.#batch.wantsMore() || this.isSpent) return;
    if (!this.#input.isAsync && this.#inHand === undefined && this.#pulled > 0) {
      const answer = this.#input.ask();
      if (answer !== undefined) this.#take(answer);
      // The input is the user's code: it may have ended the batch, or revived the pool.
      if (answer?.kind !== 'item' || this.#core.supervisor.state === 'open') return;
    }
    this.#batch.onRefused(this.#core.refusal());
  }

  /** No more is wanted. Resolves when the input's `return()` has answered, and rejects with what it throws. */
  close(): Promise<void> {
    this.#inHand = undefined;
    return this.#input.close();
  }

  /** The batch is over. */
  stop(): void {
    this.#unwatch();
  }
}
