/** The items of a chunk, one after the other in one attempt: their ends are told in portions. */

import { describe, type Encoded, encode, UnserialisableError } from '../ipc/codec/codec.js';
import { encodeTogether, kept, opened } from '../ipc/codec/encode-together.js';
import type { Attempt } from './attempt.js';
import type { TaskFunction } from './platform.js';
import type { Runner } from './runner.js';

/** What has been told of so long ago that the next item must not keep it waiting. */
const PORTION_MS = 5;

/** How often the clock is read: a reading costs as much as the shortest items. While they take no time to speak of, so many are done between two readings; */
const UNWATCHED = 7;
/** so short are they then, together. */
const SHORT_MS = 0.05;

/**
 * Each start is noted, so that a death is paid for by the item that had started. To write the note takes longer than the shortest items. So
 * when a worker has survived so many items, of those that are shorter than this so many are noted at once.
 */
const PROVEN = 5000;
const TINY_MS = 0.002;
/** Those between two readings and the one that is read after. */
const ALL_TINY_MS = (UNWATCHED + 1) * TINY_MS;
const MOST_NOTED = 32;

/** Lists of arguments; or items that are each the only argument, as so many arrays of one cost more to send than what is in them. */
export type ChunkBody = readonly unknown[][] | { readonly only: readonly unknown[] };

export class Chunks {
  readonly #runner: Runner;
  /** Items that have ended in this process. */
  #survived = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /** Runs the function once for each item. Undefined, or a promise of it, when all have been told. */
  drive(attempt: Attempt, fn: TaskFunction, body: ChunkBody, isExact: boolean): undefined | Promise<undefined> {
    const isSpread = Array.isArray(body);
    const items = isSpread ? (body as unknown[][]) : (body as { readonly only: unknown[] }).only;
    return this.#from({ attempt, fn, items, isSpread, portionMs: isExact ? 0 : PORTION_MS }, 0, new Waiting());
  }

  /** Without a promise as long as the function gives none: most short tasks give none. */
  #from(chunk: Chunk, start: number, waiting: Waiting): undefined | Promise<undefined> {
    const { platform, current } = this.#runner;
    const { attempt, fn, items, isSpread, portionMs } = chunk;
    const { length } = items;
    const only: unknown[] = [undefined];
    const isExact = portionMs === 0;
    const isProven = !isExact && this.#survived >= PROVEN;
    let noted = start; // items before that are noted as started
    let stride = 1; // so many are noted at once
    let told = platform.now();
    let from = told; // the items since then are measured
    let left = 0; // so many more before the next look at the clock
    let unwatched = 0; // and so many after it
    for (let index = start; index < length; index += 1) {
      if (left === 0 && attempt.isCancelled(platform)) throw attempt.signal(platform).reason;
      if (index === noted) {
        noted = index + stride < length ? index + stride : length;
        this.#record(attempt, noted);
        if (isProven && left === 0 && stride === 1) from = platform.now(); // the writing is none of the item's time
      }
      try {
        let args = items[index] as unknown[];
        if (!isSpread) {
          only[0] = args;
          args = only;
        }
        const value = current.run(attempt, fn, args);
        if (isThenable(value)) {
          if (noted > index + 1) this.#record(attempt, index + 1); // it may take long
          return this.#awaitWithin(chunk, index, waiting, value);
        }
        waiting.value(value);
      } catch (error) {
        waiting.failure(error);
      }
      if (left > 0) {
        left -= 1;
        continue;
      }
      const now = platform.now();
      const tookMs = now - from;
      from = now;
      if (isProven) {
        stride = tookMs < (stride > 1 && unwatched === UNWATCHED ? ALL_TINY_MS : TINY_MS) ? Math.min(2 * stride, MOST_NOTED) : 1;
        if (stride === 1 && noted > index + 1) {
          noted = index + 1;
          this.#record(attempt, noted);
        }
      }
      if (!isExact) unwatched = tookMs < SHORT_MS ? Math.min(2 * unwatched + 1, UNWATCHED) : 0; // else each is told before the next one starts
      left = unwatched;
      if (now - told < portionMs) continue;
      told = now;
      this.#tell(attempt, index + 1, waiting);
    }
    this.#tell(attempt, length, waiting);
    this.#survived += length - start;
    return undefined;
  }

  /** Before the next item starts: what it does to the process, it alone is to pay for. */
  #record(attempt: Attempt, count: number): void {
    try {
      this.#runner.platform.controlFile.startItems(attempt.seq, count);
    } catch (error) {
      this.#runner.onFault(error);
      throw error;
    }
  }

  #awaitWithin(chunk: Chunk, index: number, waiting: Waiting, promise: PromiseLike<unknown>): Promise<undefined> {
    return this.#runner.current.within(chunk.attempt, () => this.#await(chunk, index, waiting, promise));
  }

  async #await(chunk: Chunk, index: number, waiting: Waiting, promise: PromiseLike<unknown>): Promise<undefined> {
    // It may take long: what is done is told first.
    this.#tell(chunk.attempt, index, waiting);
    try {
      waiting.value(await promise);
    } catch (error) {
      waiting.failure(error);
    }
    if (chunk.portionMs === 0) this.#tell(chunk.attempt, index + 1, waiting);
    return this.#from(chunk, index + 1, waiting);
  }

  #tell(attempt: Attempt, end: number, waiting: Waiting): void {
    const count = waiting.length;
    if (count === 0) return;
    for (const encoded of waiting.take(end - count)) this.#runner.replies.portion(attempt, encoded);
  }
}

interface Chunk {
  readonly attempt: Attempt;
  readonly fn: TaskFunction;
  readonly items: readonly unknown[];
  /** The items are lists of arguments. */
  readonly isSpread: boolean;
  readonly portionMs: number;
}

type Failure = { readonly error: unknown } | { readonly unserialisable: string; readonly side: 'result' | 'error' };

/** The ends of the items that are yet to be told, each as it was when the item ended. */
class Waiting {
  /** Undefined where an item has failed. */
  #values: unknown[] = [];
  #failures: [number, Failure][] = [];
  #isVoid = true;
  #hasObjects = false;

  get length(): number {
    return this.#values.length;
  }

  value(value: unknown): void {
    if (typeof value === 'object') this.#keep(value);
    else {
      this.#values.push(value);
      if (value !== undefined) this.#isVoid = false;
    }
  }

  #keep(value: unknown): void {
    try {
      this.#values.push(kept(value, 'result'));
      this.#isVoid = false;
      this.#hasObjects = true;
    } catch (cause) {
      this.#fail({ unserialisable: `its result cannot be sent: ${messageOf(cause)}`, side: 'result' });
    }
  }

  failure(error: unknown): void {
    try {
      this.#fail({ error: opened(kept(error, 'error')) });
    } catch (cause) {
      this.#fail({ unserialisable: `what it threw (${describe(error)}) cannot be sent: ${messageOf(cause)}`, side: 'error' });
    }
  }

  #fail(failure: Failure): void {
    this.#failures.push([this.#values.length, failure]);
    this.#values.push(undefined);
  }

  /**
   * A portion, `[index of the first, values, failures by index in the portion]`, where a number of values stands for so many that are
   * undefined; or one for each, when they are too much for one message.
   */
  take(first: number): Encoded[] {
    const list = this.#values;
    const failures = this.#failures;
    const [isVoid, hasObjects] = [this.#isVoid, this.#hasObjects];
    this.#values = [];
    this.#failures = [];
    this.#isVoid = true;
    this.#hasObjects = false;
    try {
      if (!hasObjects) return [encode([first, isVoid ? list.length : list, failures])];
      const frame = failures.length === 0 ? (text: string) => `[${first},[${text}],[]]` : undefined;
      return [encodeTogether(list, (values) => [first, values, failures], frame)];
    } catch {
      return list.map((each, offset) => single(first + offset, opened(each), failures.find(([at]) => at === offset)?.[1]));
    }
  }
}

function single(index: number, value: unknown, failure: Failure | undefined): Encoded {
  try {
    return encode([index, [value], failure === undefined ? [] : [[0, failure]]]);
  } catch (cause) {
    const unserialisable = `${failure === undefined ? 'its result' : 'what it threw'} cannot be sent: ${reasonOf(value, cause)}`;
    return encode([index, [undefined], [[0, { unserialisable, side: failure === undefined ? 'result' : 'error' }]]]);
  }
}

/** With the path that it has by itself. */
function reasonOf(value: unknown, cause: unknown): string {
  try {
    encode(value, 'result');
    return messageOf(cause);
  } catch (own) {
    return messageOf(own);
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof UnserialisableError ? cause.message : describe(cause);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
