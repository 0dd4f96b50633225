/** The items of a chunk, one after the other in one attempt: their ends are told in portions. */
import { describe } from '../ipc/codec.js';
import { Pace } from '../shared/pace.js';
import type { Attempt } from './attempt.js';
import type { Current } from './current.js';
import type { TaskFunction, WorkerDoors } from './doors.js';
import type { Replies } from './replies.js';

/** What has been told of so long ago that the next item must not keep it waiting. */
const PORTION_MS = 5;

/** Lists of arguments; or items that are each the only argument, as so many arrays of one cost more to send than what is in them. */
export type ChunkBody = readonly unknown[][] | { readonly only: readonly unknown[] };

/** `[index of the first, values, failures by index in the portion]`; a number of values stands for so many that are undefined. */
export type Portion = readonly [first: number, values: readonly unknown[] | number, failures: readonly (readonly [number, unknown])[]];

export interface ChunksHost {
  readonly doors: WorkerDoors;
  readonly replies: Replies;
  readonly current: Current;
}

export class Chunks {
  readonly #host: ChunksHost;

  constructor(host: ChunksHost) {
    this.#host = host;
  }

  /** Runs the function once for each item. Undefined, or a promise of it, when all have been told. */
  drive(attempt: Attempt, fn: TaskFunction, body: ChunkBody, isExact: boolean): undefined | Promise<undefined> {
    const isSpread = Array.isArray(body);
    const items = isSpread ? (body as unknown[][]) : (body as { readonly only: unknown[] }).only;
    return this.#from({ attempt, fn, items, isSpread, portionMs: isExact ? 0 : PORTION_MS }, 0, new Waiting());
  }

  /** Without a promise as long as the function gives none: most short tasks give none. */
  #from(chunk: Chunk, start: number, waiting: Waiting): undefined | Promise<undefined> {
    const { doors, current } = this.#host;
    const { attempt, fn, items, isSpread, portionMs } = chunk;
    const { length } = items;
    const only: unknown[] = [undefined];
    const isExact = portionMs === 0;
    let told = doors.now();
    const pace = new Pace(told);
    for (let index = start; index < length; index += 1) {
      if (pace.isWatched && attempt.isCancelled(doors)) throw attempt.signal(doors).reason;
      try {
        let args = items[index] as unknown[];
        if (!isSpread) {
          only[0] = args;
          args = only;
        }
        const value = current.run(attempt, fn, args);
        if (isThenable(value)) return this.#await(chunk, index, waiting, value);
        waiting.value(value);
      } catch (error) {
        waiting.failure(error);
      }
      if (!pace.isWatched) {
        pace.pass();
        continue;
      }
      const now = doors.now();
      if (!isExact) pace.look(now); // each is told before the next one starts
      if (now - told < portionMs) continue;
      told = now;
      this.#tell(attempt, index + 1, waiting);
    }
    this.#tell(attempt, length, waiting);
    return undefined;
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
    const count = waiting.values.length;
    if (count === 0) return;
    const first = end - count;
    const { values, failures } = waiting;
    const portion = waiting.take(first);
    if (this.#send(attempt, portion)) return;
    // One of them cannot be sent: each goes alone, and that one as what is wrong with it.
    const failed = new Map(failures);
    for (const [offset, value] of values.entries()) {
      const failure = failed.get(offset);
      if (this.#send(attempt, [first + offset, [value], failure === undefined ? [] : [[0, failure]]])) continue;
      const what = failure === undefined ? 'its result' : `what it threw (${describe(failure.error)})`;
      this.#send(attempt, [
        first + offset,
        [undefined],
        [
          [
            0,
            {
              unserialisable: `${what} cannot be sent: ${describe(attempt.fault?.cause)}`,
              side: failure === undefined ? 'result' : 'error',
            },
          ],
        ],
      ]);
    }
  }

  #send(attempt: Attempt, portion: Portion): boolean {
    try {
      this.#host.replies.value(attempt, portion);
      return true;
    } catch {
      return false;
    }
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

/** The ends of the items that are yet to be told. */
class Waiting {
  /** Undefined where an item has failed. */
  values: unknown[] = [];
  failures: [number, { readonly error: unknown }][] = [];
  #isVoid = true;

  value(value: unknown): void {
    this.values.push(value);
    if (value !== undefined) this.#isVoid = false;
  }

  failure(error: unknown): void {
    this.failures.push([this.values.length, { error }]);
    this.values.push(undefined);
  }

  take(first: number): Portion {
    const portion: Portion = [first, this.#isVoid ? this.values.length : this.values, this.failures];
    this.values = [];
    this.failures = [];
    this.#isVoid = true;
    return portion;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
