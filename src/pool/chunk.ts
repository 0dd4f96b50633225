/**
 * Several items of a batch in one task: sent together, run one after the other, settled as they are told.
 *
 * When the attempt is lost, what was not told is sent again or fails, and only that.
 */
import { decode, encode } from '../ipc/codec.js';
import { SerializationError } from '../shared/errors.js';
import { Stretch } from './batch-outlet.js';
import { type Outcome, rejected } from './outcome.js';
import { type ItemFailure, readPortion } from './portion.js';
import type { Settler, TaskRecord } from './record.js';

/** About so much work is sent at once. */
const CHUNK_MS = 3;
/** No more, however short they are: a chunk is encoded and decoded in one go. */
const MOST = 2000;
/** In place of the index of an item that was told: a number, as V8 keeps an array of numbers as such. */
const TOLD = -1;

/** What is sent: lists of arguments, or items that are each the only argument (worker/chunks.ts). */
export type ChunkBody = readonly (readonly unknown[])[] | { readonly only: readonly unknown[] };

export interface ChunkUser {
  /** The worker has told how these ended. */
  onTold(stretch: Stretch, record: TaskRecord): void;
  /** One ended with the task. */
  onItemSettled(outcome: Outcome): void;
  /** Nothing of it is left. */
  onChunkOver(chunk: Chunk): void;
  /** These had not started when their worker died: they are sent again, uncounted. */
  again(indexes: number[], body: ChunkBody): void;
}

export class Chunk implements Settler {
  record: TaskRecord | undefined;
  /** A reader of values never repeats; items that were told do not either, so it may be sent again. */
  readonly hasTaken = false;
  readonly #user: ChunkUser;
  /** Each item is told before the next one starts: so the first that was not told is the only one that had started. */
  readonly #isExact: boolean;
  /** The indexes of the present attempt's items, or TOLD. */
  #items: number[];
  #left: number;

  /** The array of indexes is the chunk's from now on. */
  constructor(user: ChunkUser, items: number[], isExact: boolean) {
    this.#isExact = isExact;
    this.#user = user;
    this.#items = items;
    this.#left = items.length;
  }

  get left(): number {
    return this.#left;
  }

  /** A portion of ends; of items that were told already it tells nothing new. @throws ProtocolError: what a worker says may be anything */
  put(told: unknown): void {
    const record = this.record as TaskRecord;
    const items = this.#items;
    const { first, count, values, failures } = readPortion(told, items.length);
    const reasons = failures.length === 0 ? undefined : new Map(failures.map(([at, failure]) => [at, errorOf(failure, record)]));
    for (let from = 0, to = 0; from < count; from = to) {
      const index = items[first + from] as number;
      to = from + 1;
      if (index === TOLD) continue;
      while (to < count && items[first + to] === index + to - from) to += 1;
      items.fill(TOLD, first + from, first + to);
      this.#left -= to - from;
      this.#user.onTold(new Stretch(index, to - from, record.starts, values, from, reasons), record);
    }
  }

  /** The attempt is lost, and another follows: with what was not told, as it was when it was submitted. */
  lost(): void {
    const record = this.record as TaskRecord;
    const { codec, body, attachments } = encode(this.#untold(record));
    this.#items = this.#items.filter((item) => item !== TOLD);
    record.codec = codec;
    record.body = body;
    record.attachments = attachments;
  }

  /** The arguments of the items that were not told, but for so many. */
  #untold({ codec, body, attachments }: TaskRecord, skip = 0): ChunkBody {
    const sent = decode(codec, Buffer.from(body as Buffer), attachments) as ChunkBody;
    return 'only' in sent ? { only: this.#leftOf(sent.only).slice(skip) } : this.#leftOf(sent).slice(skip);
  }

  #leftOf<T>(sent: readonly T[]): readonly T[] {
    return sent.filter((_, place) => this.#items[place] !== TOLD);
  }

  /** Its worker has died, and it may not be started again; called before its arguments are let go. */
  died(): void {
    const record = this.record as TaskRecord;
    const indexes = this.#items.filter((item) => item !== TOLD);
    if (!this.#isExact || indexes.length < 2) return;
    const rest = this.#untold(record, 1);
    this.#items = indexes.splice(0, 1);
    this.#left = 1;
    this.#user.again(indexes, rest);
  }

  resolve(_value: unknown, record: TaskRecord): void {
    this.#end(() => new Error('the worker did not tell how it ended'), record);
  }

  reject(reason: unknown, record: TaskRecord): void {
    this.#end(() => reason, record);
  }

  #end(reason: () => unknown, record: TaskRecord): void {
    for (const item of this.#items) if (item !== TOLD) this.#user.onItemSettled(rejected(item, reason(), record.starts));
    this.#items = [];
    this.#left = 0;
    this.#user.onChunkOver(this);
  }
}

function errorOf({ error, unserialisable, side = 'result' }: ItemFailure, record: TaskRecord): unknown {
  if (unserialisable === undefined) return error;
  return new SerializationError(`an item of task ${record.id} (${record.name.name}): ${unserialisable}`, { side });
}

/** How many items make a chunk: a few milliseconds of work, and so few at the end that the workers finish together. */
export function chunkSizeFor(meanMs: number, left: number | undefined, places: number): number {
  if (meanMs < 0) return 1; // not measured yet
  const bySpeed = Math.min(MOST, Math.max(1, Math.floor(CHUNK_MS / Math.max(meanMs, CHUNK_MS / MOST))));
  return left === undefined ? bySpeed : Math.max(1, Math.min(bySpeed, Math.ceil(left / (2 * places))));
}
