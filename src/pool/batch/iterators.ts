/**
 * Consumers that iterate over a batch. Each outcome taken lets one more item be read; leaving the
 * iteration ends the batch.
 */
import { type Deferred, deferred } from '../../shared/deferred.js';
import type { BatchRun } from './batch-run.js';
import type { Outcome } from './outcome.js';
import type { Consumer } from './outcome-buffer.js';
import { isOfBatch } from './verdict.js';

type Answer<T> = IteratorResult<T, undefined>;

abstract class Cursor<T> implements Consumer, AsyncIterableIterator<T, undefined, unknown> {
  protected readonly run: BatchRun;
  /** Pending calls of `next()`, first come, first served. */
  #callers: Deferred<Answer<T>>[] = [];
  #isDone = false;

  constructor(run: BatchRun) {
    this.run = run;
    run.attach(this);
  }

  /** Returns the next answer; undefined: not yet. @throws the error of the iteration */
  protected abstract take(): Answer<T> | undefined;

  /** As with a generator, a second loop over the same batch goes on where the first one is. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Answer<T>> {
    if (this.#callers.length === 0) {
      // An outcome that has come needs no deferred.
      try {
        const answer = this.#take();
        if (answer !== undefined) return Promise.resolve(answer);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    const caller = deferred<Answer<T>>();
    this.#callers.push(caller);
    return caller.promise;
  }

  async return(): Promise<Answer<T>> {
    const wasDone = this.#isDone;
    this.#isDone = true;
    this.consume(); // ends the pending calls of next()
    if (!wasDone) await this.run.leave();
    return { done: true, value: undefined };
  }

  consume(): void {
    let served = 0;
    for (; served < this.#callers.length; served += 1) {
      const caller = this.#callers[served] as Deferred<Answer<T>>;
      try {
        const answer = this.#take();
        if (answer === undefined) break;
        caller.resolve(answer);
      } catch (error) {
        caller.reject(error);
      }
    }
    if (served > 0) this.#callers = this.#callers.slice(served);
  }

  #take(): Answer<T> | undefined {
    if (this.#isDone) return { done: true, value: undefined };
    try {
      const answer = this.take();
      if (answer?.done === true) this.#isDone = true;
      return answer;
    } catch (error) {
      this.#isDone = true;
      this.run.outcomes.close();
      throw error;
    }
  }
}

/**
 * Iterates over the values. A failure ends the iteration, or is skipped with `onError: 'continue'`.
 */
export class ValueIterator extends Cursor<unknown> {
  protected take(): Answer<unknown> | undefined {
    const { run } = this;
    const { verdict, isOver, outcomes } = run;
    if (verdict?.cause === 'cancel') {
      if (isOver) throw verdict.error();
      return undefined;
    }
    for (let next = outcomes.next; next !== undefined; next = outcomes.next) {
      if (next === 'fulfilled') {
        run.free(1);
        return { done: false, value: outcomes.takeValue() };
      }
      if (run.onError === 'stop') break; // the verdict follows in the same microtask
      run.free(1);
      outcomes.take();
    }
    // An ordered iteration returns only values before the first gap: a later one would seem to
    // belong to an earlier item.
    if (verdict !== undefined && (verdict.isPrompt || isOver)) throw verdict.error();
    return isOver ? { done: true, value: undefined } : undefined;
  }
}

/**
 * Iterates over every outcome. It throws only errors that belong to no item: that of the input, of
 * a pool that takes no more tasks, of a journal that cannot be used.
 */
export class OutcomeIterator extends Cursor<Outcome> {
  protected take(): Answer<Outcome> | undefined {
    const { verdict, isOver, outcomes } = this.run;
    if (outcomes.next !== undefined) {
      this.run.free(1);
      return { done: false, value: outcomes.take() };
    }
    if (!isOver) return undefined;
    if (isOfBatch(verdict)) throw verdict.error();
    return { done: true, value: undefined };
  }
}
