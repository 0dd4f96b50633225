/**
 * Several items of a batch in one task: sent together, run one after the other, settled as they are told.
 *
 * When the worker dies, each item that was not told goes on as a task of its own, with starts of its own: it is an orphan like any
 * other, which had started or had not. So whatever kills its worker fails alone.
 */

import { decode, encode } from '../../ipc/codec/codec.js';
import { SerializationError } from '../../shared/errors.js';
import { endPart, type Lease, partOf, type Settler, type TaskItems, type TaskRecord } from '../task/task-record.js';
import type { Chunker } from './chunker.js';
import { rejected } from './outcome.js';
import { OutcomeRange } from './outcome-buffer.js';
import { type ItemFailure, readPortion } from './portion.js';

/** About so much work is sent at once. */
const CHUNK_MS = 3;
/** No more, however short they are: a chunk is encoded and decoded in one go. */
const MOST = 2000;
/** In place of the index of an item that was told: a number, as V8 keeps an array of numbers as such. */
const REPORTED = -1;

/** What is sent: lists of arguments, or items that are each the only argument (worker/chunks.ts). */
export type ChunkBody = readonly (readonly unknown[])[] | { readonly only: readonly unknown[] };

export class Chunk implements Settler, TaskItems {
  record: TaskRecord | undefined;
  readonly #chunker: Chunker;
  /** The indexes of the attempt's items, or TOLD. */
  #items: number[];
  #left: number;

  /** The array of indexes is the chunk's from now on. */
  constructor(chunker: Chunker, items: number[]) {
    this.#chunker = chunker;
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
      if (index === REPORTED) continue;
      while (to < count && items[first + to] === index + to - from) to += 1;
      items.fill(REPORTED, first + from, first + to);
      this.#left -= to - from;
      this.#chunker.onReported(new OutcomeRange(index, to - from, record.starts, values, from, reasons), record);
    }
  }

  /**
   * The attempt is lost: each item that was not told goes on by itself, the first of them as this task. Gives the attempt as each of
   * them sees it; none if all were told. Called before the arguments are let go.
   * @param started so many of the items had started, from the first on
   */
  split(lease: Lease, started: number): Lease[] {
    if (this.#items.length === 1 && this.#left === 1) return [lease]; // its start is that of the attempt
    const record = this.record as TaskRecord;
    const { codec, body, attachments } = record;
    const sent = decode(codec, Buffer.from(body as Buffer), attachments) as ChunkBody;
    const isOnly = 'only' in sent;
    const args: readonly unknown[] = isOnly ? sent.only : sent;
    const left = this.#items.flatMap((index, place) => {
      if (index === REPORTED) return [];
      const item = [args[place]];
      // NaN: it is not known, so it may have.
      return { index, encoded: encode(isOnly ? { only: item } : item), hasStarted: !(place >= started) };
    });
    this.#items = left.slice(0, 1).map(({ index }) => index);
    this.#left = this.#items.length;
    return left.map(({ index, encoded, hasStarted }, nth) => {
      let part = lease;
      if (nth === 0) {
        record.codec = encoded.codec;
        record.body = encoded.body;
        record.attachments = encoded.attachments;
      } else part = partOf(lease, this.#chunker.apart(record, index, encoded));
      endPart(part, hasStarted, this.#chunker.story);
      return part;
    });
  }

  resolve(_value: unknown, record: TaskRecord): void {
    this.#end(() => new Error('the worker did not tell how it ended'), record);
  }

  reject(reason: unknown, record: TaskRecord): void {
    this.#end(() => reason, record);
  }

  #end(reason: () => unknown, record: TaskRecord): void {
    for (const item of this.#items) if (item !== REPORTED) this.#chunker.onItemSettled(rejected(item, reason(), record.starts));
    this.#items = [];
    this.#left = 0;
    this.#chunker.onChunkOver(this);
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
