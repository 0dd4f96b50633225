/**
 * The input of a batch: the program's iterator, asked for one item at a time, and closed once.
 *
 * It never reads ahead. Whatever the iterator does (throws, never answers, calls the batch from
 * within `next()`), the batch gets an answer or none.
 */

import { ignore } from '../../shared/ignore.js';
import { show } from '../../shared/show.js';

export type Answer =
  | { readonly kind: 'item'; readonly value: unknown }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown };

/** The items given to a map. How they are iterated is read once. */
export interface Source {
  readonly isAsync: boolean;
  /** The number of items, where it is known beforehand. */
  readonly size: number | undefined;
  /** Returns the iterator. @throws whatever the program throws */
  readonly open: () => AnyIterator;
}

/** Returns the arguments that an item stands for. Without it, an item is the only argument. */
export type ToArgs = (item: unknown) => readonly unknown[];

type AnyIterator = Partial<Record<'next' | 'return', unknown>>;

const { apply } = Reflect;
const END: Answer = { kind: 'end' };
const NO_ARGS: readonly unknown[] = [];

export class BatchInput {
  readonly isAsync: boolean;
  readonly #source: Source;
  readonly #onAnswer: (answer: Answer) => void;
  #iterator: AnyIterator | undefined;
  /** The iterator's `next`, read once, as a loop does. */
  #next: unknown;
  #state: 'open' | 'asking' | 'ended' = 'open';
  #isReturnDue = false;

  /** `onAnswer` receives the later answers of an asynchronous input. */
  constructor(source: Source, onAnswer: (answer: Answer) => void) {
    this.#source = source;
    this.isAsync = source.isAsync;
    this.#onAnswer = onAnswer;
  }

  /** False while an asynchronous iterator has not answered, and after the end. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }
  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  /** Asks for one item. Undefined: the answer comes later, or is no longer wanted. */
  ask(): Answer | undefined {
    this.#state = 'asking';
    let result: unknown;
    try {
      if (this.#next === undefined) this.#open();
      result = apply(this.#next as () => unknown, this.#iterator, NO_ARGS);
    } catch (error) {
      return this.#settle({ kind: 'error', error });
    }
    if (!this.isAsync) return this.#settle(answerOf(result));
    // Not `Promise.resolve`, which returns the program's own promise, with a `then` that may do
    // anything.
    new Promise((resolve) => resolve(result)).then(
      (value) => this.#settleLater(answerOf(value)),
      (error) => this.#settleLater({ kind: 'error', error }),
    );
    return undefined;
  }

  #open(): void {
    this.#iterator = this.#source.open();
    if (!isObject(this.#iterator)) throw new TypeError(`the iterator of the input is not an object but ${show(this.#iterator)}`);
    const { next } = this.#iterator;
    if (typeof next !== 'function') throw new TypeError(`the next of the input's iterator is not a function but ${show(next)}`);
    this.#next = next;
  }

  #settleLater(answer: Answer): void {
    const wanted = this.#settle(answer);
    if (wanted !== undefined) this.#onAnswer(wanted);
  }

  /** Returns the answer, if it is still wanted. */
  #settle(answer: Answer): Answer | undefined {
    // As in a for loop, an iterator that has ended or thrown needs no `return()`.
    const isOpen = answer.kind === 'item';
    if (this.#state === 'ended') {
      if (isOpen && this.#isReturnDue) this.#return().catch(ignore); // the batch has failed already
      return undefined;
    }
    this.#state = isOpen ? 'open' : 'ended';
    return answer;
  }

  /**
   * Calls the iterator's `return()`, once. Resolves when that has resolved, but does not wait for
   * an iterator that is busy with `next()`. Rejects with the error of `return()`.
   */
  close(): Promise<void> {
    const wasAsking = this.#state === 'asking';
    if (this.#state === 'ended') return Promise.resolve();
    this.#state = 'ended';
    if (!wasAsking) return this.#return();
    // A running generator refuses `return()`, so that is called when `next()` has returned. An
    // asynchronous generator queues it.
    if (this.isAsync) this.#return().catch(ignore);
    else this.#isReturnDue = true;
    return Promise.resolve();
  }

  async #return(): Promise<void> {
    const iterator = this.#iterator;
    const end = iterator?.return;
    if (end !== undefined && end !== null) await apply(end as () => unknown, iterator, NO_ARGS);
  }
}

function answerOf(result: unknown): Answer {
  try {
    // No call for plain objects, as most are.
    if ((typeof result !== 'object' || result === null) && !isObject(result))
      throw new TypeError(`next() of the input returned not an object but ${show(result)}`);
    const { done } = result as IteratorResult<unknown>;
    return done ? END : { kind: 'item', value: (result as IteratorResult<unknown>).value };
  } catch (error) {
    return { kind: 'error', error };
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/**
 * Undefined: the items cannot be iterated. An error while they are asked becomes the input's error.
 */
export function sourceOf(items: unknown): Source | undefined {
  if (items === null || items === undefined) return undefined;
  try {
    const { [Symbol.asyncIterator]: later } = items as Partial<AsyncIterable<unknown>>;
    const isAsync = typeof later === 'function';
    const iterate: unknown = isAsync ? later : (items as Partial<Iterable<unknown>>)[Symbol.iterator];
    if (typeof iterate !== 'function') return undefined;
    return { isAsync, size: sizeOf(items), open: () => apply(iterate, items, NO_ARGS) as AnyIterator };
  } catch (error) {
    const open = (): never => {
      throw error;
    };
    return { isAsync: false, size: undefined, open };
  }
}

/** The size of an array, a Set or a Map. A subclass may return anything. */
function sizeOf(items: unknown): number | undefined {
  const size: unknown = Array.isArray(items) ? items.length : items instanceof Set || items instanceof Map ? items.size : undefined;
  return Number.isSafeInteger(size) && (size as number) >= 0 ? (size as number) : undefined;
}
