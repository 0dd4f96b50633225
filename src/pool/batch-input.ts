/**
 * The input of a batch: its iterator, asked for one item at a time, and told once when no more is wanted.
 *
 * It never reads ahead, and nothing that the user's iterator does (throw, never answer, call the batch
 * from within `next()`) is more than an answer here.
 */
import { ignore } from '../shared/ignore.js';

export type Answer =
  | { readonly kind: 'item'; readonly value: unknown }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown };

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

const END: Answer = { kind: 'end' };

export class BatchInput {
  readonly isAsync: boolean;
  /** How many items there are, where that is known beforehand. */
  readonly size: number | undefined;
  readonly #items: Iterable<unknown> | AsyncIterable<unknown>;
  readonly #onAnswer: (answer: Answer) => void;
  #iterator: AnyIterator | undefined;
  #state: 'open' | 'asking' | 'ended' = 'open';
  #isReturnDue = false;

  /** `onAnswer` is for what an asynchronous input answers, later. */
  constructor(items: Iterable<unknown> | AsyncIterable<unknown>, onAnswer: (answer: Answer) => void) {
    this.#items = items;
    this.isAsync = isAsyncIterable(items);
    this.size = sizeOf(items);
    this.#onAnswer = onAnswer;
  }

  /** It waits for the answer of an asynchronous iterator. */
  get isAsking(): boolean {
    return this.#state === 'asking';
  }
  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Asks for one item; undefined: the answer comes later, or is no longer wanted. */
  ask(): Answer | undefined {
    this.#state = 'asking';
    let result: unknown;
    try {
      this.#iterator ??= iteratorOf(this.#items);
      result = this.#iterator.next();
    } catch (error) {
      return this.#answered({ kind: 'error', error });
    }
    if (!this.isAsync) return this.#answered(answerOf(result));
    Promise.resolve(result).then(
      (value) => this.#answeredLater(answerOf(value)),
      (error) => this.#answeredLater({ kind: 'error', error }),
    );
    return undefined;
  }

  #answeredLater(answer: Answer): void {
    const wanted = this.#answered(answer);
    if (wanted !== undefined) this.#onAnswer(wanted);
  }

  #answered(answer: Answer): Answer | undefined {
    // An iterator that has ended, or has thrown, needs no `return()`: as in a for loop.
    const isOpen = answer.kind === 'item';
    if (this.#state === 'ended') {
      if (isOpen && this.#isReturnDue) this.#return().catch(ignore); // its batch has failed already
      return undefined;
    }
    this.#state = isOpen ? 'open' : 'ended';
    return answer;
  }

  /**
   * No more is wanted: calls the iterator's `return()`, once. Resolves when that has answered, but does not wait for
   * one that is busy with `next()`; rejects with what `return()` throws.
   */
  close(): Promise<void> {
    const wasAsking = this.#state === 'asking';
    if (this.#state === 'ended') return Promise.resolve();
    this.#state = 'ended';
    if (!wasAsking) return this.#return();
    // A running generator refuses `return()`, so it waits until `next()` is back; an asynchronous one queues it.
    if (this.isAsync) this.#return().catch(ignore);
    else this.#isReturnDue = true;
    return Promise.resolve();
  }

  async #return(): Promise<void> {
    await this.#iterator?.return?.();
  }
}

function answerOf(result: unknown): Answer {
  try {
    if (typeof result !== 'object' || result === null)
      throw new TypeError(`the input's next() gave ${String(result)}, which is not an object`);
    const { done, value } = result as IteratorResult<unknown>;
    return done === true ? END : { kind: 'item', value };
  } catch (error) {
    return { kind: 'error', error };
  }
}

function iteratorOf(items: Iterable<unknown> | AsyncIterable<unknown>): AnyIterator {
  return isAsyncIterable(items) ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}

function isAsyncIterable(items: unknown): items is AsyncIterable<unknown> {
  return typeof (items as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
}

export function isIterable(items: unknown): items is Iterable<unknown> | AsyncIterable<unknown> {
  if (items === null || items === undefined) return false;
  return isAsyncIterable(items) || typeof (items as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';
}

function sizeOf(items: unknown): number | undefined {
  if (Array.isArray(items)) return items.length;
  return items instanceof Set || items instanceof Map ? items.size : undefined;
}
