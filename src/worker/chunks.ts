/** The items of a chunk, one after the other in one attempt: their ends are told in portions. */
import { describe, type Encoded, encode, UnserialisableError } from '../ipc/codec.js';
import { encodeTogether, kept, opened } from '../ipc/codec-together.js';
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
    const count = waiting.length;
    if (count === 0) return;
    for (const encoded of waiting.take(end - count)) this.#host.replies.portion(attempt, encoded);
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

  /** A portion; or one for each, when they are too much for one message. */
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
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
