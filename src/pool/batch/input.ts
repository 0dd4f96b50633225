/**
 * The input of a batch: its iterator, asked for one item at a time, and told once when no more is wanted.
 *
 * It never reads ahead, and nothing that the user's iterator does (throw, never answer, call the batch
 * from within `next()`) is more than an answer here.
 */

import { ignore } from '../../shared/ignore.js';
import { show } from '../../shared/show.js';

export type Answer =
  | { readonly kind: 'item'; readonly value: unknown }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: unknown };

/** What was given, asked once how it is iterated. */
export interface Source {
  readonly isAsync: boolean;
  /** How many items there are, where that is known beforehand. */
  readonly size: number | undefined;
  /** Gives its iterator. @throws whatever the program throws */
  readonly open: () => AnyIterator;
}

type AnyIterator = Partial<Record<'next' | 'return', unknown>>;

const { apply } = Reflect;
const END: Answer = { kind: 'end' };
const NO_ARGS: readonly unknown[] = [];

export class BatchInput {
  readonly isAsync: boolean;
  readonly #source: Source;
  readonly #onAnswer: (answer: Answer) => void;
  #iterator: AnyIterator | undefined;
  /** Of the iterator; read once, as a loop does. */
  #next: unknown;
  #state: 'open' | 'asking' | 'ended' = 'open';
  #isReturnDue = false;

  /** `onAnswer` is for what an asynchronous input answers, later. */
  constructor(source: Source, onAnswer: (answer: Answer) => void) {
    this.#source = source;
    this.isAsync = source.isAsync;
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
      if (this.#next === undefined) this.#begin();
      result = apply(this.#next as () => unknown, this.#iterator, NO_ARGS);
    } catch (error) {
      return this.#answered({ kind: 'error', error });
    }
    if (!this.isAsync) return this.#answered(answerOf(result));
    // Not `Promise.resolve`: it gives a promise of the program's as it is, and with it a `then` that may do anything.
    new Promise((resolve) => resolve(result)).then(
      (value) => this.#answeredLater(answerOf(value)),
      (error) => this.#answeredLater({ kind: 'error', error }),
    );
    return undefined;
  }

  #begin(): void {
    this.#iterator = this.#source.open();
    if (!isObject(this.#iterator)) throw new TypeError(`the input gave ${show(this.#iterator)} as its iterator, which is not an object`);
    const { next } = this.#iterator;
    if (typeof next !== 'function') throw new TypeError(`the input's iterator has no next(): that is ${show(next)}`);
    this.#next = next;
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
    const iterator = this.#iterator;
    const end = iterator?.return;
    if (end !== undefined && end !== null) await apply(end as () => unknown, iterator, NO_ARGS);
  }
}

function answerOf(result: unknown): Answer {
  try {
    // Most are plain objects: no call for those.
    if ((typeof result !== 'object' || result === null) && !isObject(result))
      throw new TypeError(`the input's next() gave ${show(result)}, which is not an object`);
    const { done } = result as IteratorResult<unknown>;
    return done ? END : { kind: 'item', value: (result as IteratorResult<unknown>).value };
  } catch (error) {
    return { kind: 'error', error };
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

/** Undefined: it cannot be iterated. What the program throws when it is asked is the input's own error. */
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

/** Of a list, a set or a map. What calls itself one may say anything. */
function sizeOf(items: unknown): number | undefined {
  const size: unknown = Array.isArray(items) ? items.length : items instanceof Set || items instanceof Map ? items.size : undefined;
  return Number.isSafeInteger(size) && (size as number) >= 0 ? (size as number) : undefined;
}
