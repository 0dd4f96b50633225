/**
 * Gathers the items of a batch into chunks, as large as the measured durations of the task's name
 * suggest.
 */

import { type ChunkBody, chunkBody, chunkJson } from '../../ipc/chunk-body.js';
import { type Encoded, encode } from '../../ipc/codec/codec.js';
import { encodeTogether, kept, opened } from '../../ipc/codec/encode-together.js';
import { Flag } from '../../ipc/frame.js';
import type { Story } from '../../shared/transitions.js';
import type { ResolvedMapOptions, ResolvedTaskOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import type { Caller } from '../task/submission-stack.js';
import type { NameStats } from '../task/task-durations.js';
import type { TaskRecord } from '../task/task-record.js';
import type { BatchRun } from './batch-run.js';
import { Chunk, chunkSizeFor } from './chunk.js';
import { type Outcome, rejected } from './outcome.js';
import type { OutcomeRange } from './outcome-buffer.js';

export class Chunker {
  readonly #core: PoolContext;
  readonly #task: ResolvedTaskOptions;
  readonly #chunkSize: number | 'auto';
  readonly #batch: BatchRun;
  /** Each item is a list of arguments, not the only argument. */
  readonly #isSpread: boolean;
  readonly #caller: Caller;
  readonly #chunks = new Set<Chunk>();
  #stats: NameStats | undefined;
  #indexes: number[] = [];
  #items: unknown[] = [];
  #hasObjects = false;
  /** The number of items that go together. */
  size = 1;

  constructor(core: PoolContext, { task, chunkSize }: ResolvedMapOptions, isSpread: boolean, caller: Caller, batch: BatchRun) {
    this.#core = core;
    this.#task = task;
    this.#chunkSize = chunkSize;
    this.#isSpread = isSpread;
    this.#caller = caller;
    this.#batch = batch;
  }

  get story(): Story {
    return this.#core.story;
  }

  get isEmpty(): boolean {
    return this.#chunks.size === 0 && this.#indexes.length === 0;
  }

  /** The number of items that wait for others to go with them. */
  get gathered(): number {
    return this.#indexes.length;
  }

  /** Called before the first item of a chunk. */
  chooseSize(): void {
    const stats = this.#core.names.of(this.#batch.name);
    this.#stats = stats;
    const places = this.#core.supervisor.max * this.#core.options.concurrency;
    this.size = this.#chunkSize === 'auto' ? chunkSizeFor(stats.meanMs, this.#batch.pump.left, places) : this.#chunkSize;
  }

  /** Copies the item as it is now. That may run code of the program, which may end the batch. */
  add(index: number, item: unknown): void {
    if (typeof item === 'object') {
      const copy = this.#copy(index, item);
      if (copy === undefined) return;
      this.#hasObjects = true;
      this.#items.push(copy);
    } else this.#items.push(item);
    this.#indexes.push(index);
    if (this.#indexes.length >= this.size) this.flush();
  }

  /** Returns undefined if the item cannot be encoded: alone, it rejects with the reason. */
  #copy(index: number, item: unknown): unknown {
    try {
      return kept(item, 'args');
    } catch {
      this.flush();
      this.#batch.submitAlone(index, item);
      return undefined;
    }
  }

  /** Submits the gathered items as a chunk. */
  flush(): void {
    const [indexes, items] = [this.#indexes, this.#items];
    if (indexes.length === 0) return;
    this.#indexes = [];
    this.#items = [];
    const hasObjects = this.#hasObjects;
    const isSpread = this.#isSpread;
    this.#hasObjects = false;
    const wrap = (values: readonly unknown[]): ChunkBody => chunkBody(values, isSpread);
    let encoded: Encoded;
    try {
      encoded = hasObjects ? encodeTogether(items, wrap, (text) => chunkJson(text, isSpread)) : encode(wrap(items));
    } catch {
      for (const [place, index] of indexes.entries()) this.#batch.submitAlone(index, opened(items[place]));
      return;
    }
    this.#submit(indexes, encoded);
  }

  #submit(indexes: number[], encoded: Encoded): void {
    // Code of the program ran, and may have ended the pool, where these items would never start.
    if (this.#core.poolState.state !== 'open') {
      for (const index of indexes) this.#batch.onItemsSettled(rejected(index, this.#core.refusal()));
      return;
    }
    const isExact = this.#task.retries.crash === 0;
    const chunk = new Chunk(this, indexes);
    this.#chunks.add(chunk);
    const flags = isExact ? Flag.Chunk | Flag.Exact : Flag.Chunk;
    chunk.record = this.#core.submit(this.#stats as NameStats, flags, encoded, this.#task, chunk, undefined, chunk);
    chunk.record.caller = this.#caller;
    this.#batch.onSubmitted(chunk.record);
  }

  tasks(): TaskRecord[] {
    return [...this.#chunks].flatMap(({ record }) => record ?? []);
  }

  // ---- reports of its chunks

  onReported(range: OutcomeRange, record: TaskRecord): void {
    // Items that settle with their record are counted in settlement.ts.
    if (!record.isSettled) {
      const { counts } = this.#core;
      const failed = range.failures.length;
      counts.succeeded += range.length - failed;
      counts.failed += failed;
    }
    this.#batch.onItemsSettled(range);
  }

  /** Makes a task of its own of one item. */
  apart(of: TaskRecord, index: number, encoded: Encoded): TaskRecord {
    const chunk = new Chunk(this, [index]);
    this.#chunks.add(chunk);
    chunk.record = this.#core.apart(of, encoded, chunk);
    return chunk.record;
  }

  /** `outcomes`: those of the items that had not been reported. */
  onChunkOver(chunk: Chunk, outcomes: readonly Outcome[]): void {
    for (const outcome of outcomes) this.#batch.onItemsSettled(outcome);
    this.#chunks.delete(chunk);
    this.#batch.schedule();
  }
}

/**
 * Chunks are for items that may start again after a death, or where the program asks for them.
 * Items with timeouts, a progress callback, a journal, or retries after an error or a timeout, go
 * alone.
 */
export function mayChunk({ chunkSize, journal, task }: ResolvedMapOptions): boolean {
  const { timeoutMs, softTimeoutMs, queueTimeoutMs, onProgress, retries } = task;
  const isPlain = timeoutMs === undefined && softTimeoutMs === undefined && queueTimeoutMs === undefined && onProgress === undefined;
  if (!isPlain || journal !== undefined || retries.error > 0 || retries.timeout > 0) return false;
  return chunkSize === 'auto' ? retries.crash > 0 : chunkSize > 1;
}
