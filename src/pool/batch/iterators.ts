/** Those who iterate over a batch. What they take makes room for more to be pulled; leaving the iteration ends the batch. */
import { type Deferred, deferred } from '../../shared/deferred.js';
import type { BatchRun } from './batch-run.js';
import { type Consumer, isOfBatch } from './item.js';
import type { Outcome } from './outcome.js';

type Answer<T> = IteratorResult<T, undefined>;

abstract class Cursor<T> implements Consumer, AsyncIterableIterator<T, undefined, unknown> {
  protected readonly run: BatchRun;
  /** Callers of `next()` that wait, first come first served. */
  #callers: Deferred<Answer<T>>[] = [];
  #isDone = false;

  constructor(run: BatchRun) {
    this.run = run;
    run.attach(this);
  }

  /** The next answer; undefined: not yet. @throws what the iteration throws */
  protected abstract answer(): Answer<T> | undefined;

  /** As of a generator: a second loop over the same batch goes on where the first one is. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Answer<T>> {
    if (this.#callers.length === 0) {
      // What is there is given without a promise of our own that somebody would have to settle.
      try {
        const answer = this.#answer();
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
    this.#end();
    if (!wasDone) await this.run.leave();
    return { done: true, value: undefined };
  }

  consume(): void {
    let served = 0;
    for (; served < this.#callers.length; served += 1) {
      const caller = this.#callers[served] as Deferred<Answer<T>>;
      try {
        const answer = this.#answer();
        if (answer === undefined) break;
        caller.resolve(answer);
      } catch (error) {
        caller.reject(error);
      }
    }
    if (served > 0) this.#callers = this.#callers.slice(served);
  }

  #answer(): Answer<T> | undefined {
    if (this.#isDone) return { done: true, value: undefined };
    try {
      const answer = this.answer();
      if (answer?.done === true) this.#isDone = true;
      return answer;
    } catch (error) {
      this.#isDone = true;
      this.run.outcomes.close();
      throw error;
    }
  }

  #end(): void {
    this.#isDone = true;
    this.consume();
  }
}

/** The values. A failure ends the iteration, or with `onError: 'continue'` is skipped. */
export class ValueIterator extends Cursor<unknown> {
  protected answer(): Answer<unknown> | undefined {
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
      if (run.onError === 'stop') break; // what the batch makes of it follows at once
      run.free(1);
      outcomes.take();
    }
    // Of an ordered iteration only what comes before the first gap is given: a later value would seem to be an earlier item's.
    if (verdict !== undefined && (verdict.isPrompt || isOver)) throw verdict.error();
    return isOver ? { done: true, value: undefined } : undefined;
  }
}

/** Every outcome. It throws only for what is no item's fault: the input's own error, a pool that takes no more, a journal that cannot be used. */
export class OutcomeIterator extends Cursor<Outcome> {
  protected answer(): Answer<Outcome> | undefined {
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
