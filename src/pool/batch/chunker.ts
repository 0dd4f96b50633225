/** Gathers the items of a batch into chunks, where the contract allows it: the name's durations say how large. */

import { type Encoded, encode } from '../../ipc/codec/codec.js';
import { encodeTogether, kept, opened } from '../../ipc/codec/encode-together.js';
import { Flag } from '../../ipc/frame.js';
import type { Story } from '../../shared/transitions.js';
import type { ResolvedMapOptions, ResolvedTaskOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import type { NameStats } from '../task/task-durations.js';
import type { TaskRecord } from '../task/task-record.js';
import type { BatchRun } from './batch-run.js';
import { Chunk, type ChunkBody, chunkSizeFor } from './chunk.js';
import { type Outcome, rejected } from './outcome.js';
import type { OutcomeRange } from './outcome-buffer.js';

export class Chunker {
  readonly #core: PoolContext;
  readonly #task: ResolvedTaskOptions;
  readonly #wished: number | 'auto';
  readonly #batch: BatchRun;
  /** Its items are lists of arguments, and not each the only argument. */
  readonly #isSpread: boolean;
  readonly #chunks = new Set<Chunk>();
  #stats: NameStats | undefined;
  #indexes: number[] = [];
  #items: unknown[] = [];
  #hasObjects = false;
  #size = 1;

  constructor(core: PoolContext, task: ResolvedTaskOptions, wished: number | 'auto', isSpread: boolean, batch: BatchRun) {
    this.#core = core;
    this.#task = task;
    this.#wished = wished;
    this.#isSpread = isSpread;
    this.#batch = batch;
  }

  get story(): Story {
    return this.#core.story;
  }

  get isEmpty(): boolean {
    return this.#chunks.size === 0 && this.#indexes.length === 0;
  }

  /** So many are here, and wait for others to go with them. */
  get gathered(): number {
    return this.#indexes.length;
  }

  /** How many of the next items go together. Asked before the first of them. */
  size(name: NameStats): number {
    this.#stats = name;
    const places = this.#core.supervisor.max * this.#core.options.concurrency;
    this.#size = this.#wished === 'auto' ? chunkSizeFor(name.meanMs, this.#batch.left, places) : this.#wished;
    return this.#size;
  }

  /** The item is sent as it is now. That may run the user's code, which may end the batch. */
  add(index: number, item: unknown): void {
    if (typeof item === 'object') {
      const each = this.#kept(index, item);
      if (each === undefined) return;
      this.#hasObjects = true;
      this.#items.push(each);
    } else this.#items.push(item);
    this.#indexes.push(index);
    if (this.#indexes.length >= this.#size) this.flush();
  }

  #kept(index: number, item: unknown): unknown {
    try {
      return kept(item, 'args');
    } catch {
      this.flush();
      this.#batch.alone(index, item);
      return undefined;
    }
  }

  /** Nothing more comes for now. */
  flush(): void {
    const [indexes, items] = [this.#indexes, this.#items];
    if (indexes.length === 0) return;
    this.#indexes = [];
    this.#items = [];
    const hasObjects = this.#hasObjects;
    const isSpread = this.#isSpread;
    this.#hasObjects = false;
    const wrap = (values: readonly unknown[]): ChunkBody => (isSpread ? (values as unknown[][]) : { only: values });
    let encoded: Encoded;
    try {
      encoded = hasObjects ? encodeTogether(items, wrap, (text) => (isSpread ? `[${text}]` : `{"only":[${text}]}`)) : encode(wrap(items));
    } catch {
      for (const [place, index] of indexes.entries()) this.#batch.alone(index, opened(items[place]));
      return;
    }
    this.#submit(indexes, encoded);
  }

  #submit(indexes: number[], encoded: Encoded): void {
    // The user's code ran, and may have ended the pool: they would never start there.
    if (this.#core.supervisor.state !== 'open') {
      for (const index of indexes) this.#batch.onItemsSettled(rejected(index, this.#core.refusal()));
      return;
    }
    const isExact = this.#task.retries.crash === 0;
    const chunk = new Chunk(this, indexes);
    this.#chunks.add(chunk);
    const flags = isExact ? Flag.Chunk | Flag.Exact : Flag.Chunk;
    chunk.record = this.#core.submit(this.#stats as NameStats, flags, encoded, this.#task, chunk, undefined, chunk);
    this.#batch.onSubmitted(chunk.record);
  }

  records(): TaskRecord[] {
    return [...this.#chunks].flatMap(({ record }) => record ?? []);
  }

  // ---- what its chunks tell

  onReported(range: OutcomeRange, record: TaskRecord): void {
    // What the end of the record settles is counted there (settlement.ts).
    if (!record.isSettled) {
      const { counts } = this.#core;
      const failed = range.failures.length;
      counts.succeeded += range.length - failed;
      counts.failed += failed;
    }
    this.#batch.onItemsSettled(range);
  }

  onItemSettled(outcome: Outcome): void {
    this.#batch.onItemsSettled(outcome);
  }

  apart(of: TaskRecord, index: number, encoded: Encoded): TaskRecord {
    const chunk = new Chunk(this, [index]);
    this.#chunks.add(chunk);
    chunk.record = this.#core.apart(of, encoded, chunk);
    return chunk.record;
  }

  onChunkOver(chunk: Chunk): void {
    this.#chunks.delete(chunk);
    this.#batch.schedule();
  }
}

/** Chunks are for items that may be started again after a death, or where the user asks for them; what has limits of its own goes alone. */
export function mayChunk({ chunkSize, journal, task }: ResolvedMapOptions): boolean {
  const { timeoutMs, softTimeoutMs, queueTimeoutMs, onProgress, retries } = task;
  const isPlain = timeoutMs === undefined && softTimeoutMs === undefined && queueTimeoutMs === undefined && onProgress === undefined;
  if (!isPlain || journal !== undefined || retries.error > 0 || retries.timeout > 0) return false;
  return chunkSize === 'auto' ? retries.crash > 0 : chunkSize > 1;
}
