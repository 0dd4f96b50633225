/**
 * Runs the items of a chunk, one after the other in one attempt, and sends their outcomes in
 * portions.
 */

import { type ChunkBody, type ItemFailure, portionBody, portionJson } from '../ipc/chunk-body.js';
import { describe, type Encoded, encode } from '../ipc/codec/codec.js';
import { encodeTogether, kept, opened } from '../ipc/codec/encode-together.js';
import { MAX_UNWATCHED, SHORT_MS } from '../shared/pace.js';
import type { Attempt } from './attempt.js';
import type { TaskFunction } from './platform.js';
import { faultOf } from './replies.js';
import type { Runner } from './runner.js';

/** How old the first outcome of a portion may get before the portion is sent. */
const PORTION_MS = 5;

/**
 * Each start is recorded, so that a death is charged to the item that had started. But a record
 * takes longer than the shortest items. So once a worker has survived PROVEN_ITEMS items, it
 * records up to MAX_RECORDED starts together while its items take less than TINY_MS each.
 */
const PROVEN_ITEMS = 5000;
const TINY_MS = 0.002;
/** The same for all items between two readings of the clock, and the one after which it is read. */
const ALL_TINY_MS = (MAX_UNWATCHED + 1) * TINY_MS;
const MAX_RECORDED = 32;

export class Chunks {
  readonly #runner: Runner;
  /** The number of items that have ended in this process. */
  #survived = 0;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  /**
   * Runs the function once for each item. Returns undefined, or a promise of it, once all outcomes
   * are sent.
   */
  drive(attempt: Attempt, fn: TaskFunction, body: ChunkBody, isExact: boolean): undefined | Promise<undefined> {
    const isSpread = Array.isArray(body);
    const items = isSpread ? (body as readonly unknown[][]) : (body as { readonly only: readonly unknown[] }).only;
    return this.#from({ attempt, fn, items, isSpread, portionMs: isExact ? 0 : PORTION_MS }, 0, new Outcomes());
  }

  /** Without a promise as long as the function returns none: most short tasks return none. */
  #from(chunk: Chunk, start: number, outcomes: Outcomes): undefined | Promise<undefined> {
    const { platform, current } = this.#runner;
    const { attempt, fn, items, isSpread, portionMs } = chunk;
    const { length } = items;
    const only: unknown[] = [undefined];
    const isExact = portionMs === 0;
    const isProven = !isExact && this.#survived >= PROVEN_ITEMS;
    let recorded = start; // items recorded as started
    let stride = 1; // items recorded together
    let sentAt = platform.now();
    let from = sentAt; // where the measured time begins
    let left = 0; // items before the next reading of the clock (pace.ts, inlined)
    let unwatched = 0; // items after it
    for (let index = start; index < length; index += 1) {
      if (left === 0 && attempt.isCancelled(platform)) throw attempt.signal(platform).reason;
      if (index === recorded) {
        recorded = index + stride < length ? index + stride : length;
        this.#record(attempt, recorded);
        if (isProven && left === 0 && stride === 1) from = platform.now(); // the record is not part of the item's time
      }
      try {
        let args = items[index] as unknown[];
        if (!isSpread) {
          only[0] = args;
          args = only;
        }
        const value = current.run(attempt, fn, args);
        if (isThenable(value)) {
          if (recorded > index + 1) this.#record(attempt, index + 1); // it may take long
          return this.#awaitWithin(chunk, index, outcomes, value);
        }
        outcomes.value(value);
      } catch (error) {
        outcomes.failure(error);
      }
      if (left > 0) {
        left -= 1;
        continue;
      }
      const now = platform.now();
      const tookMs = now - from;
      from = now;
      if (isProven) {
        stride = tookMs < (stride > 1 && unwatched === MAX_UNWATCHED ? ALL_TINY_MS : TINY_MS) ? Math.min(2 * stride, MAX_RECORDED) : 1;
        if (stride === 1 && recorded > index + 1) {
          recorded = index + 1;
          this.#record(attempt, recorded);
        }
      }
      if (!isExact) unwatched = tookMs < SHORT_MS ? Math.min(2 * unwatched + 1, MAX_UNWATCHED) : 0;
      left = unwatched;
      if (now - sentAt < portionMs) continue;
      sentAt = now;
      this.#send(attempt, index + 1, outcomes);
    }
    this.#send(attempt, length, outcomes);
    this.#survived += length - start;
    return undefined;
  }

  /** Called before the next item starts, so that a death is charged to that item alone. */
  #record(attempt: Attempt, count: number): void {
    try {
      this.#runner.platform.controlFile.startItems(attempt.seq, count);
    } catch (error) {
      this.#runner.onFault(error);
      throw error;
    }
  }

  #awaitWithin(chunk: Chunk, index: number, outcomes: Outcomes, promise: PromiseLike<unknown>): Promise<undefined> {
    return this.#runner.current.within(chunk.attempt, () => this.#await(chunk, index, outcomes, promise));
  }

  async #await(chunk: Chunk, index: number, outcomes: Outcomes, promise: PromiseLike<unknown>): Promise<undefined> {
    // The item may take long, so the outcomes before it are sent first.
    this.#send(chunk.attempt, index, outcomes);
    try {
      outcomes.value(await promise);
    } catch (error) {
      outcomes.failure(error);
    }
    if (chunk.portionMs === 0) this.#send(chunk.attempt, index + 1, outcomes);
    return this.#from(chunk, index + 1, outcomes);
  }

  /** @param end the index after the last item that has ended */
  #send(attempt: Attempt, end: number, outcomes: Outcomes): void {
    const count = outcomes.length;
    if (count === 0) return;
    for (const encoded of outcomes.take(end - count)) this.#runner.replies.portion(attempt, encoded);
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

/** The outcomes that are not sent yet, each as it was when its item ended. */
class Outcomes {
  /** Undefined for an item that has failed. */
  #values: unknown[] = [];
  #failures: [number, ItemFailure][] = [];
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
      this.#fail(unsendable('result', 'its result', faultOf(cause).message));
    }
  }

  failure(error: unknown): void {
    try {
      this.#fail({ error: opened(kept(error, 'error')) });
    } catch (cause) {
      this.#fail(unsendable('error', `what it threw (${describe(error)})`, faultOf(cause).message));
    }
  }

  #fail(failure: ItemFailure): void {
    this.#failures.push([this.#values.length, failure]);
    this.#values.push(undefined);
  }

  /** One portion; or one for each item, if they are too much for one message. */
  take(first: number): Encoded[] {
    const values = this.#values;
    const failures = this.#failures;
    const [isVoid, hasObjects] = [this.#isVoid, this.#hasObjects];
    this.#values = [];
    this.#failures = [];
    this.#isVoid = true;
    this.#hasObjects = false;
    try {
      if (!hasObjects) return [encode(portionBody(first, isVoid ? values.length : values, failures))];
      const frame = failures.length === 0 ? (json: string) => portionJson(first, json) : undefined;
      return [encodeTogether(values, (list) => portionBody(first, list, failures), frame)];
    } catch {
      return values.map((each, offset) => single(first + offset, opened(each), failures.find(([at]) => at === offset)?.[1]));
    }
  }
}

function single(index: number, value: unknown, failure: ItemFailure | undefined): Encoded {
  try {
    return encode(portionBody(index, [value], failure === undefined ? [] : [[0, failure]]));
  } catch (cause) {
    const reason = reasonOf(value, cause);
    const other = failure === undefined ? unsendable('result', 'its result', reason) : unsendable('error', 'what it threw', reason);
    return encode(portionBody(index, [undefined], [[0, other]]));
  }
}

function unsendable(side: 'result' | 'error', subject: string, reason: string): ItemFailure {
  return { unserialisable: `${subject} cannot be sent: ${reason}`, side };
}

/** The reason with the path inside the value alone, not inside the portion. */
function reasonOf(value: unknown, cause: unknown): string {
  try {
    encode(value, 'result');
    return faultOf(cause).message;
  } catch (own) {
    return faultOf(own).message;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}
