/** The handle that `map` and `starmap` return. The engine is in batch-run.ts. */
import { invalid } from '../../shared/check.js';
import { EverpoolError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import { custom, line, quoted } from '../../shared/inspection.js';
import type { BatchProgress } from '../types.js';
import type { BatchRun } from './batch-run.js';
import { OutcomeCollector, ValueCollector } from './collectors.js';
import { OutcomeIterator, ValueIterator } from './iterators.js';

/**
 * The results of a map: a promise of all of them, in the order of the items, and also an iterable
 * of each.
 *
 * A batch starts immediately and reads up to `bufferSize` items; it reads the rest as its results
 * are awaited or iterated. The first use decides how: `await` (`then`, `catch`, `finally`),
 * `settled()`, iteration, or `outcomes()`. Every other use then throws an EverpoolError (code
 * ERR_EVERPOOL_BATCH).
 *
 * Awaited, a batch rejects with its first failure; with onError 'continue', with an AggregateError
 * of all failures in the order of the items. It rejects with a TaskCancelledError after `cancel` or
 * `kill`.
 *
 * @example
 * const sizes = await pool.map('sizeOf', files);
 *
 * @example
 * for await (const size of pool.map('sizeOf', readLines(stdin))) console.log(size);
 */
export interface Batch<R> extends PromiseLike<R[]>, AsyncIterable<R> {
  /** The number of the batch in this process, from 1. */
  readonly id: number;
  /** How far the batch is, now. @example console.log(batch.progress.done) */
  readonly progress: BatchProgress;
  /**
   * Resolves with every outcome, in the order of the items; never rejects. Implies onError
   * 'continue'. If the input throws, the pool takes no more tasks, or the journal cannot be used,
   * the last outcome is that error. After a cancel, there is an outcome for each item that had been
   * read.
   *
   * @example
   * const outcomes = await pool.map('sizeOf', files).settled();
   * const failed = outcomes.filter(({ status }) => status === 'rejected');
   */
  settled(): Promise<PromiseSettledResult<R>[]>;
  /**
   * Iterates over every outcome, in order, or as it comes with `ordered: false`. Implies onError
   * 'continue'. The iteration throws only if the input throws, the pool takes no more tasks, or the
   * journal cannot be used.
   *
   * @example
   * for await (const { index, status } of pool.map('sizeOf', files).outcomes()) log(index, status);
   */
  outcomes(): AsyncIterable<BatchOutcome<R>>;
  /** As `await`, then `catch` of that promise. */
  catch: Promise<R[]>['catch'];
  /** As `await`, then `finally` of that promise. */
  finally: Promise<R[]>['finally'];
  /**
   * Cancels this batch and no other task: queued items never start, running ones end as in
   * `Task.cancel`. Resolves when nothing of the batch runs anywhere; rejects if a process outlives
   * the kill ladder.
   *
   * @example
   * await batch.cancel('the user left');
   */
  cancel(reason?: unknown): Promise<void>;
  /** Cancels without the grace: the kill ladder of the workers begins immediately. */
  kill(reason?: unknown): Promise<void>;
  /**
   * Adds a listener that is called after changes, at most every 100 ms, and once at the end.
   * @throws OptionsError if the listener is not a function
   *
   * @example
   * batch.onProgress(({ done, total }) => bar.update(done, total));
   */
  onProgress(listener: (progress: BatchProgress) => void): this;
}

/**
 * How one item ended: the index of the item, its status with the value or the reason, the number of
 * started attempts, and the milliseconds of the last attempt.
 *
 * @example
 * // { index: 2, status: 'fulfilled', value: 42, attempts: 1, ms: 3.1 }
 */
export type BatchOutcome<R> = { readonly index: number; readonly attempts: number; readonly ms: number } & PromiseSettledResult<R>;

type Use = 'awaited' | 'awaited with settled()' | 'iterated' | 'iterated with outcomes()';

type AnyConsumer = ValueCollector | OutcomeCollector | ValueIterator | OutcomeIterator;

/** With an id of the type `I`: that of its submitter. */
export class BatchHandle<R, I extends number | string = number> implements Omit<Batch<R>, 'id' | 'onProgress'> {
  readonly id: I;
  readonly #run: BatchRun;
  #use: Use | undefined;
  #consumer: AnyConsumer | undefined;

  constructor(id: I, run: BatchRun) {
    this.id = id;
    this.#run = run;
  }

  get progress(): BatchProgress {
    return this.#run.meter.progress;
  }

  // biome-ignore lint/suspicious/noThenProperty: a batch is a promise of all its results
  then<A = R[], B = never>(
    onResolved?: ((value: R[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#values().then(onResolved, onRejected);
  }
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R[] | B> {
    return this.#values().catch(onRejected);
  }
  finally(onFinally?: (() => void) | null): Promise<R[]> {
    return this.#values().finally(onFinally);
  }

  /** Made on demand, as a batch that nobody awaits must not reject. */
  #values(): Promise<R[]> {
    try {
      const collector = this.#consumeAs('awaited', () => new ValueCollector(this.#run));
      return collector.promise as Promise<R[]>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async settled(): Promise<PromiseSettledResult<R>[]> {
    const collector = this.#consumeAs('awaited with settled()', () => {
      this.#run.onError = 'continue';
      return new OutcomeCollector(this.#run);
    });
    return collector.promise as Promise<PromiseSettledResult<R>[]>;
  }

  outcomes(): AsyncIterable<BatchOutcome<R>> {
    const cursor = this.#consumeAs('iterated with outcomes()', () => {
      this.#run.onError = 'continue';
      return new OutcomeIterator(this.#run);
    });
    return cursor as AsyncIterable<BatchOutcome<R>>;
  }

  [Symbol.asyncIterator](): AsyncIterator<R> {
    return this.#consumeAs('iterated', () => new ValueIterator(this.#run)) as AsyncIterator<R>;
  }

  /** @internal */
  [custom](): string {
    if (!(#run in this)) return 'Batch {}';
    const { total, done, failed } = this.progress;
    const items = `${done} of ${total ?? 'unknown'} items done`;
    return line(`Batch ${this.id} ${quoted(this.#run.name)}`, this.#run.state, items, `${failed} failed`, this.#use);
  }

  cancel(reason?: unknown): Promise<void> {
    return handled(this.#run.end('cancel', reason));
  }
  kill(reason?: unknown): Promise<void> {
    return handled(this.#run.end('kill', reason));
  }

  /** @internal Calls back once, when the batch is over: for its scope. */
  onOver(callback: () => void): void {
    if (this.#run.isOver) callback();
    else this.#run.onOver = callback;
  }

  onProgress(listener: (progress: BatchProgress) => void): this {
    if (typeof listener !== 'function') throw invalid('listener', 'a function', listener);
    this.#run.meter.listen(listener);
    return this;
  }

  /**
   * One use only, as a second consumer would miss what the first has taken. The same use again
   * shares the consumer.
   */
  #consumeAs<C extends AnyConsumer>(use: Use, make: () => C): C {
    if (this.#use === undefined) {
      this.#use = use;
      this.#consumer = make();
    }
    if (this.#use === use) return this.#consumer as C;
    const text = `batch ${this.id} (${this.#run.name}) is already being ${this.#use}, so it cannot be ${use}: use it in one way only`;
    throw new EverpoolError(text, 'ERR_EVERPOOL_BATCH');
  }
}

/**
 * A cancel that nobody awaits causes no unhandled rejection when a process outlives the kill
 * ladder.
 */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(ignore);
  return promise;
}
