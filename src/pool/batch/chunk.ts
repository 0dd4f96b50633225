/**
 * Several items of a batch in one task: sent together, run one after the other, settled as the
 * worker reports them.
 *
 * When the worker dies, each unreported item goes on as a task of its own, with its own count of
 * starts. Like any other orphan, it had started or had not. So an item that kills its worker fails
 * alone.
 */

import { type ChunkBody, chunkBody, type ItemFailure, readPortion } from '../../ipc/chunk-body.js';
import { decode, encode } from '../../ipc/codec/codec.js';
import { SerializationError } from '../../shared/errors.js';
import { endPart, type Lease, partOf, type Settler, type TaskItems, type TaskRecord } from '../task/task-record.js';
import type { Chunker } from './chunker.js';
import { type Outcome, rejected } from './outcome.js';
import { OutcomeRange } from './outcome-buffer.js';

/** The work of one chunk, about. */
const CHUNK_MS = 3;
/** The most items, however short they are: a chunk is encoded and decoded in one go. */
const MOST = 2000;
/**
 * Replaces the index of a reported item. A number, because V8 stores arrays of numbers compactly.
 */
const REPORTED = -1;

export class Chunk implements Settler, TaskItems {
  record: TaskRecord | undefined;
  readonly #chunker: Chunker;
  /** The indexes of the attempt's items, or REPORTED. */
  #items: number[];
  #left: number;

  /** The chunk owns the array of indexes from now on. */
  constructor(chunker: Chunker, items: number[]) {
    this.#chunker = chunker;
    this.#items = items;
    this.#left = items.length;
  }

  get left(): number {
    return this.#left;
  }

  /**
   * Settles the items of a portion that were not reported before.
   * @throws ProtocolError, as the worker may send anything
   */
  put(portion: unknown): void {
    const record = this.record as TaskRecord;
    const items = this.#items;
    const { first, count, values, failures } = readPortion(portion, items.length);
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
   * The attempt is lost. Each unreported item goes on alone, the first of them as this task.
   * Returns the attempt as each of them sees it. Called before the arguments are released.
   * @param started the number of items that had started, from the first on; NaN: unknown
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
      // If it is unknown, the item may have started.
      return { index, encoded: encode(chunkBody(item, !isOnly)), hasStarted: !(place >= started) };
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
    this.#end(() => new Error('the worker did not report how it ended'), record);
  }

  reject(reason: unknown, record: TaskRecord): void {
    this.#end(() => reason, record);
  }

  #end(reason: () => unknown, record: TaskRecord): void {
    // A loop: `filter` and `map` look up the species of arrays, which the program may replace.
    const outcomes: Outcome[] = [];
    for (const index of this.#items) if (index !== REPORTED) outcomes.push(rejected(index, reason(), record.starts));
    this.#items = [];
    this.#left = 0;
    this.#chunker.onChunkOver(this, outcomes);
  }
}

function errorOf({ error, unserialisable, side = 'result' }: ItemFailure, record: TaskRecord): unknown {
  if (unserialisable === undefined) return error;
  return new SerializationError(`an item of task ${record.id} (${record.name.name}): ${unserialisable}`, { side });
}

/**
 * The number of items of a chunk: a few milliseconds of work, and fewer at the end, so that all
 * workers finish together.
 */
export function chunkSizeFor(meanMs: number, left: number | undefined, places: number): number {
  if (meanMs < 0) return 1; // not measured yet
  const bySpeed = Math.min(MOST, Math.max(1, Math.floor(CHUNK_MS / Math.max(meanMs, CHUNK_MS / MOST))));
  return left === undefined ? bySpeed : Math.max(1, Math.min(bySpeed, Math.ceil(left / (2 * places))));
}
