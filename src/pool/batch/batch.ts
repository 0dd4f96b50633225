/** What a map gives: a promise of all results, and at the same time an iterable of each. The engine is in batch-run.ts. */
import { invalid } from '../../shared/check.js';
import { EverpoolError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import { custom, line, quoted } from '../../shared/inspection.js';
import type { BatchProgress } from '../types.js';
import type { BatchRun } from './batch-run.js';
import { OutcomeCollector, ValueCollector } from './collectors.js';
import { OutcomeIterator, ValueIterator } from './iterators.js';

/**
 * A promise of all results, in the order of the items, and at the same time an iterable of each.
 *
 * It starts at once and pulls up to `bufferSize` items; awaited or iterated, the rest. The first use of it decides:
 * `await` (`then`, `catch`, `finally`), `settled()`, iterating, or `outcomes()`. Another one is then refused with an
 * EverpoolError (code ERR_EVERPOOL_BATCH).
 */
export interface Batch<R> extends PromiseLike<R[]>, AsyncIterable<R> {
  /** Its number in the process, from 1. */
  readonly id: number;
  readonly progress: BatchProgress;
  /**
   * Every outcome, in the order of the items; never rejects. Implies onError 'continue'. When the input threw, the pool takes
   * no more tasks, or the journal cannot be used, the last outcome is that error; after a cancel it gives what had been pulled.
   */
  settled(): Promise<PromiseSettledResult<R>[]>;
  /** Every outcome as it comes (or in order), with the index of its item, its attempts and the ms of the last. Implies onError 'continue'. */
  outcomes(): AsyncIterable<BatchOutcome<R>>;
  catch: Promise<R[]>['catch'];
  finally: Promise<R[]>['finally'];
  /** Only this batch: queued items never start, running ones end as in Task. Resolves when none of it runs anywhere. */
  cancel(reason?: unknown): Promise<void>;
  /** The same without the grace. */
  kill(reason?: unknown): Promise<void>;
  /** Called after changes, at most every 100 ms, and once at the end. @throws OptionsError if it is no function */
  onProgress(listener: (progress: BatchProgress) => void): this;
}

/** How one item ended: after so many started attempts, the last of so many milliseconds. */
export type BatchOutcome<R> = { readonly index: number; readonly attempts: number; readonly ms: number } & PromiseSettledResult<R>;

type Use = 'awaited' | 'awaited with settled()' | 'iterated' | 'iterated with outcomes()';

type AnyConsumer = ValueCollector | OutcomeCollector | ValueIterator | OutcomeIterator;

export class BatchHandle<R> implements Batch<R> {
  readonly id: number;
  readonly #run: BatchRun;
  #use: Use | undefined;
  #consumer: AnyConsumer | undefined;

  constructor(run: BatchRun) {
    this.id = run.id;
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

  /** Made when someone asks for it: a batch that nobody awaits rejects nothing. */
  #values(): Promise<R[]> {
    try {
      const collector = this.#as('awaited', () => new ValueCollector(this.#run));
      return collector.promise as Promise<R[]>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async settled(): Promise<PromiseSettledResult<R>[]> {
    const collector = this.#as('awaited with settled()', () => {
      this.#run.onError = 'continue';
      return new OutcomeCollector(this.#run);
    });
    return collector.promise as Promise<PromiseSettledResult<R>[]>;
  }

  outcomes(): AsyncIterable<BatchOutcome<R>> {
    const cursor = this.#as('iterated with outcomes()', () => {
      this.#run.onError = 'continue';
      return new OutcomeIterator(this.#run);
    });
    return cursor as AsyncIterable<BatchOutcome<R>>;
  }

  [Symbol.asyncIterator](): AsyncIterator<R> {
    return this.#as('iterated', () => new ValueIterator(this.#run)) as AsyncIterator<R>;
  }

  /** @internal */
  [custom](): string {
    if (!(#run in this)) return 'Batch {}';
    const { total, done, failed } = this.progress;
    return line(`Batch ${this.id} ${quoted(this.#run.name)}`, `${done} of ${total ?? 'unknown'} items done`, `${failed} failed`, this.#use);
  }

  cancel(reason?: unknown): Promise<void> {
    return handled(this.#run.end('cancel', reason));
  }
  kill(reason?: unknown): Promise<void> {
    return handled(this.#run.end('kill', reason));
  }

  /** @internal Calls back once, when nothing of it is left: for the scope that it belongs to. */
  onOver(callback: () => void): void {
    if (this.#run.isOver) callback();
    else this.#run.onOver = callback;
  }

  onProgress(listener: (progress: BatchProgress) => void): this {
    if (typeof listener !== 'function') throw invalid('listener', 'a function', listener);
    this.#run.meter.listen(listener);
    return this;
  }

  /** One use only: what one consumer has taken, another would miss. The same use again goes on with the same consumer. */
  #as<C extends AnyConsumer>(use: Use, make: () => C): C {
    if (this.#use === undefined) {
      this.#use = use;
      this.#consumer = make();
    }
    if (this.#use === use) return this.#consumer as C;
    const text = `batch ${this.id} (${this.#run.name}) is already being ${this.#use}, so it cannot be ${use}: use it in one way only`;
    throw new EverpoolError(text, 'ERR_EVERPOOL_BATCH');
  }
}

/** As of a task: a cancel that nobody awaits is no unhandled rejection when a process outlives the kill ladder. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(ignore);
  return promise;
}
