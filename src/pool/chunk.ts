/**
 * Several items of a batch in one task: sent together, run one after the other, settled as they are told.
 *
 * When the attempt is lost, what was not told is sent again or fails, and only that.
 */
import { decode, encode } from '../ipc/codec.js';
import { SerializationError } from '../shared/errors.js';
import { fulfilled, type Outcome, rejected } from './batch-outlet.js';
import type { Settler, TaskRecord } from './record.js';

/** About so much work is sent at once. */
const CHUNK_MS = 3;
/** No more, however short they are: a chunk is encoded and decoded in one go. */
const MOST = 2000;

export interface ChunkUser {
  onItemSettled(outcome: Outcome, record: TaskRecord): void;
  /** Nothing of it is left. */
  onChunkOver(chunk: Chunk): void;
  /** These had not started when their worker died: they are sent again, uncounted. */
  again(indexes: readonly number[], args: readonly (readonly unknown[])[]): void;
}

export class Chunk implements Settler {
  record: TaskRecord | undefined;
  /** A reader of values never repeats; items that were told do not either, so it may be sent again. */
  readonly hasTaken = false;
  readonly #user: ChunkUser;
  /** Each item is told before the next one starts: so the first that was not told is the only one that had started. */
  readonly #isExact: boolean;
  /** The indexes of the present attempt's items; undefined: told. */
  #items: (number | undefined)[];
  #left: number;

  constructor(user: ChunkUser, items: readonly number[], isExact: boolean) {
    this.#isExact = isExact;
    this.#user = user;
    this.#items = [...items];
    this.#left = items.length;
  }

  get left(): number {
    return this.#left;
  }

  /** A portion of ends (worker/chunks.ts). What a worker says may be anything. */
  put(portion: unknown): void {
    const record = this.record as TaskRecord;
    const [first, values, failures] = portion as [
      number,
      unknown[] | number,
      [number, { error?: unknown; unserialisable?: string; side?: 'result' | 'error' }][],
    ];
    const failed = new Map(failures);
    const claimed = typeof values === 'number' ? values : values.length;
    const count = first >= 0 ? Math.min(claimed, this.#items.length - first) : 0;
    for (let offset = 0; offset < count; offset += 1) {
      const item = this.#items[first + offset];
      if (item === undefined) continue;
      this.#items[first + offset] = undefined;
      this.#left -= 1;
      const failure = failed.get(offset);
      const value = typeof values === 'number' ? undefined : values[offset];
      this.#user.onItemSettled(
        failure === undefined ? fulfilled(item, value, record.starts) : rejected(item, errorOf(failure, record), record.starts),
        record,
      );
    }
  }

  /** The attempt is lost, and another follows: with what was not told, as it was when it was submitted. */
  lost(): void {
    const record = this.record as TaskRecord;
    const { codec, body, attachments } = encode(this.#untold(record));
    this.#items = this.#items.filter((item) => item !== undefined);
    record.codec = codec;
    record.body = body;
    record.attachments = attachments;
  }

  /** The arguments of the items that were not told. */
  #untold({ codec, body, attachments }: TaskRecord): (readonly unknown[])[] {
    const sent = decode(codec, Buffer.from(body as Buffer), attachments) as (readonly unknown[])[];
    return sent.filter((_, place) => this.#items[place] !== undefined);
  }

  /** Its worker has died, and it may not be started again; called before its arguments are let go. */
  died(): void {
    const record = this.record as TaskRecord;
    const indexes = this.#items.filter((item) => item !== undefined);
    if (!this.#isExact || indexes.length < 2) return;
    const [first, ...rest] = indexes;
    const [, ...args] = this.#untold(record);
    this.#items = [first];
    this.#left = 1;
    this.#user.again(rest, args);
  }

  resolve(_value: unknown, record: TaskRecord): void {
    this.#end(() => new Error('the worker did not tell how it ended'), record);
  }

  reject(reason: unknown, record: TaskRecord): void {
    this.#end(() => reason, record);
  }

  #end(reason: () => unknown, record: TaskRecord): void {
    for (const item of this.#items) if (item !== undefined) this.#user.onItemSettled(rejected(item, reason(), record.starts), record);
    this.#items = [];
    this.#left = 0;
    this.#user.onChunkOver(this);
  }
}

function errorOf(
  { error, unserialisable, side = 'result' }: { error?: unknown; unserialisable?: string; side?: 'result' | 'error' },
  record: TaskRecord,
): unknown {
  if (unserialisable === undefined) return error;
  return new SerializationError(`an item of task ${record.id} (${record.name.name}): ${unserialisable}`, { side });
}

/** How many items make a chunk: a few milliseconds of work, and so few at the end that the workers finish together. */
export function chunkSizeFor(meanMs: number, left: number | undefined, places: number): number {
  if (meanMs < 0) return 1; // not measured yet
  const bySpeed = Math.min(MOST, Math.max(1, Math.floor(CHUNK_MS / Math.max(meanMs, CHUNK_MS / MOST))));
  return left === undefined ? bySpeed : Math.max(1, Math.min(bySpeed, Math.ceil(left / (2 * places))));
}
