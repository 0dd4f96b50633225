/** The items of a chunk, one after the other in one attempt: their ends are told in portions. */
import { describe } from '../ipc/codec.js';
import type { Attempt } from './attempt.js';
import type { Current } from './current.js';
import type { TaskFunction, WorkerDoors } from './doors.js';
import type { Replies } from './replies.js';

/** What has been told of so long ago that the next item must not keep it waiting. */
const PORTION_MS = 5;

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

  /** Runs the function once for each list of arguments. Undefined, or a promise of it, when all have been told. */
  drive(attempt: Attempt, fn: TaskFunction, items: readonly (readonly unknown[])[], isExact: boolean): undefined | Promise<undefined> {
    return this.#from({ attempt, fn, items, portionMs: isExact ? 0 : PORTION_MS }, 0, []);
  }

  /** Without a promise as long as the function gives none: most short tasks give none. */
  #from(chunk: Chunk, start: number, waiting: Ended[]): undefined | Promise<undefined> {
    const { doors, current } = this.#host;
    const { attempt, fn, items, portionMs } = chunk;
    let told = doors.now();
    for (let index = start; index < items.length; index += 1) {
      if (attempt.isCancelled(doors)) throw attempt.signal(doors).reason;
      try {
        const value = current.run(attempt, fn, items[index] as unknown[]);
        if (isThenable(value)) return this.#await(chunk, index, waiting, value);
        waiting.push({ value });
      } catch (error) {
        waiting.push({ error });
      }
      const now = doors.now();
      if (now - told < portionMs) continue;
      told = now;
      this.#tell(attempt, index + 1, waiting);
    }
    this.#tell(attempt, items.length, waiting);
    return undefined;
  }

  async #await(chunk: Chunk, index: number, waiting: Ended[], promise: PromiseLike<unknown>): Promise<undefined> {
    // It may take long: what is done is told first.
    this.#tell(chunk.attempt, index, waiting);
    try {
      waiting.push({ value: await promise });
    } catch (error) {
      waiting.push({ error });
    }
    if (chunk.portionMs === 0) this.#tell(chunk.attempt, index + 1, waiting);
    return this.#from(chunk, index + 1, waiting);
  }

  #tell(attempt: Attempt, end: number, waiting: Ended[]): void {
    if (waiting.length === 0) return;
    const ended = waiting.splice(0);
    const first = end - ended.length;
    if (this.#send(attempt, portionOf(first, ended))) return;
    // One of them cannot be sent: each goes alone, and that one as what is wrong with it.
    for (const [offset, each] of ended.entries()) {
      if (this.#send(attempt, portionOf(first + offset, [each]))) continue;
      const what = 'error' in each ? `what it threw (${describe(each.error)})` : 'its result';
      this.#send(attempt, [
        first + offset,
        [undefined],
        [[0, { unserialisable: `${what} cannot be sent: ${describe(attempt.fault?.cause)}`, side: 'error' in each ? 'error' : 'result' }]],
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
  readonly items: readonly (readonly unknown[])[];
  readonly portionMs: number;
}

type Ended = { readonly value: unknown } | { readonly error: unknown };

function portionOf(first: number, ended: readonly Ended[]): Portion {
  const values: unknown[] = [];
  const failures: [number, unknown][] = [];
  let isVoid = true;
  for (const [index, each] of ended.entries()) {
    if ('error' in each) {
      failures.push([index, { error: each.error }]);
      values.push(undefined);
    } else {
      values.push(each.value);
      isVoid &&= each.value === undefined;
    }
  }
  return [first, isVoid ? values.length : values, failures];
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
