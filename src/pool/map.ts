/** `map` and `starmap`: the public face of a batch over its engine (batch-run.ts). */
import { EverpoolError, OptionsError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import type { Batch } from './batch.js';
import { BatchRun, type Outcome } from './batch-run.js';
import type { Core } from './core.js';
import { resolveMapOptions } from './task-options.js';
import type { BatchProgress, MapOptions } from './types.js';

/** @throws OptionsError */
export function createBatch<T, R>(
  core: Core,
  name: string,
  items: Iterable<T> | AsyncIterable<T>,
  toArgs: (item: T) => readonly unknown[],
  options: MapOptions | undefined,
): Batch<R> {
  const resolved = resolveMapOptions(options, core.options.task);
  if (resolved.journal !== undefined) throw new OptionsError('journal: this version keeps no journal yet');
  return new MapBatch<R>(
    new BatchRun(core, name, iteratorOf(items), lengthOf(items), toArgs as (item: unknown) => readonly unknown[], resolved),
  );
}

type Consumer = 'await' | 'iterate';

class MapBatch<R> implements Batch<R> {
  readonly id: number;
  readonly #run: BatchRun;
  #consumer: Consumer | undefined;
  #all: Promise<R[]> | undefined;

  constructor(run: BatchRun) {
    this.#run = run;
    this.id = run.id;
  }

  get progress(): BatchProgress {
    return this.#run.progress;
  }

  // biome-ignore lint/suspicious/noThenProperty: a batch is a promise of all its results
  then<A = R[], B = never>(
    onResolved?: ((value: R[]) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#promise().then(onResolved, onRejected);
  }
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<R[] | B> {
    return this.#promise().catch(onRejected);
  }
  finally(onFinally?: (() => void) | null): Promise<R[]> {
    return this.#promise().finally(onFinally);
  }

  settled(): Promise<PromiseSettledResult<R>[]> {
    this.#decide('await');
    this.#run.goOnAfterErrors();
    return this.#run.takeAll().then((outcomes) => outcomes.map(({ index: _index, ...outcome }) => outcome as PromiseSettledResult<R>));
  }

  outcomes(): AsyncIterable<{ index: number } & PromiseSettledResult<R>> {
    this.#decide('iterate');
    this.#run.goOnAfterErrors();
    return { [Symbol.asyncIterator]: () => this.#iterate((outcome) => outcome as { index: number } & PromiseSettledResult<R>) };
  }

  [Symbol.asyncIterator](): AsyncIterator<R> {
    this.#decide('iterate');
    return this.#iterate((outcome) => (outcome as PromiseFulfilledResult<unknown>).value as R, true);
  }

  cancel(reason?: unknown): Promise<void> {
    return this.#run.end('cancel', reason);
  }
  kill(reason?: unknown): Promise<void> {
    return this.#run.end('kill', reason);
  }

  onProgress(listener: (progress: BatchProgress) => void): this {
    this.#run.listen(listener);
    return this;
  }

  /** The first kind of consumer decides: an awaited batch takes everything, an iterated one only what is taken from it. */
  #decide(consumer: Consumer): void {
    if (this.#consumer !== undefined && (this.#consumer !== consumer || consumer === 'iterate')) {
      const text = `batch ${this.id} is already being ${this.#consumer === 'await' ? 'awaited' : 'iterated'}: it can be consumed in one way only`;
      throw new EverpoolError(text, 'ERR_EVERPOOL_BATCH');
    }
    this.#consumer = consumer;
  }

  #promise(): Promise<R[]> {
    if (this.#all !== undefined) return this.#all;
    try {
      this.#decide('await');
    } catch (error) {
      return Promise.reject(error);
    }
    this.#all = this.#run.takeAll().then((outcomes) => {
      const error = this.#run.failure(outcomes);
      if (error !== undefined) throw error.reason;
      return outcomes.map((outcome) => (outcome as { value: unknown }).value as R);
    });
    this.#run.onOwnEnd(() => this.#all?.catch(ignore)); // whoever ended it needs no unhandled rejection to know
    return this.#all;
  }

  async *#iterate<V>(show: (outcome: Outcome) => V, isThrowing = false): AsyncGenerator<V, void, undefined> {
    try {
      for (;;) {
        const outcome = await this.#run.take();
        if (outcome === undefined) break;
        if (outcome.status === 'fulfilled' || !isThrowing) yield show(outcome);
        else if (!this.#run.goesOn) throw outcome.reason;
      }
      const fatal = this.#run.fatal;
      if (fatal !== undefined && isThrowing) throw fatal.reason;
    } finally {
      await this.#run.abandon();
    }
  }
}

function iteratorOf(items: unknown): Iterator<unknown> | AsyncIterator<unknown> {
  const source = items as { [Symbol.asyncIterator]?: () => AsyncIterator<unknown>; [Symbol.iterator]?: () => Iterator<unknown> };
  if (items !== null && items !== undefined) {
    if (typeof source[Symbol.asyncIterator] === 'function') return (source[Symbol.asyncIterator] as () => AsyncIterator<unknown>)();
    if (typeof source[Symbol.iterator] === 'function') return (source[Symbol.iterator] as () => Iterator<unknown>)();
  }
  throw new OptionsError(`items: expected an iterable or an async iterable, got ${items === null ? 'null' : typeof items}`);
}

function lengthOf(items: unknown): number | undefined {
  if (Array.isArray(items)) return items.length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}
