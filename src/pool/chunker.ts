/** Gathers the items of a batch into chunks, where the contract allows it: the name's durations say how large. */
import { encode } from '../ipc/codec.js';
import { Flag } from '../ipc/frame.js';
import type { Outcome } from './batch-outlet.js';
import { Chunk, type ChunkUser, chunkSizeFor } from './chunk.js';
import type { Core } from './core.js';
import type { NameStats } from './pipelining.js';
import type { TaskRecord } from './record.js';
import type { ResolvedMapOptions, ResolvedTaskOptions } from './task-options.js';

export interface ChunkerUser {
  /** Items that the input still has; undefined: unknown. */
  readonly left: number | undefined;
  onItemSettled(outcome: Outcome, record: TaskRecord): void;
  /** A chunk has ended. */
  schedule(): void;
  /** A chunk was submitted. */
  onSubmitted(record: TaskRecord): void;
  /** These cannot be encoded together: each goes alone, and fails alone. */
  alone(index: number, args: readonly unknown[]): void;
}

export class Chunker implements ChunkUser {
  readonly #core: Core;
  readonly #task: ResolvedTaskOptions;
  readonly #wished: number | 'auto';
  readonly #user: ChunkerUser;
  readonly #chunks = new Set<Chunk>();
  #stats: NameStats | undefined;
  #indexes: number[] = [];
  #args: (readonly unknown[])[] = [];

  constructor(core: Core, task: ResolvedTaskOptions, wished: number | 'auto', user: ChunkerUser) {
    this.#core = core;
    this.#task = task;
    this.#wished = wished;
    this.#user = user;
  }

  get isEmpty(): boolean {
    return this.#chunks.size === 0 && this.#indexes.length === 0;
  }

  /** How many of the next items go together. */
  size(name: NameStats): number {
    this.#stats = name;
    const places = this.#core.supervisor.max * this.#core.options.concurrency;
    return this.#wished === 'auto' ? chunkSizeFor(name.meanMs, this.#user.left, places) : this.#wished;
  }

  add(index: number, args: readonly unknown[], size: number): void {
    this.#indexes.push(index);
    this.#args.push(args);
    if (this.#indexes.length >= size) this.flush();
  }

  /** Nothing more comes for now. */
  flush(): void {
    const [indexes, args] = [this.#indexes, this.#args];
    this.#indexes = [];
    this.#args = [];
    if (indexes.length > 0) this.#submit(indexes, args);
  }

  /** Undefined: they go alone. */
  #submit(indexes: readonly number[], args: readonly (readonly unknown[])[]): TaskRecord | undefined {
    let encoded: ReturnType<typeof encode>;
    try {
      encoded = encode(args, 'args');
    } catch {
      for (const [place, index] of indexes.entries()) this.#user.alone(index, args[place] as readonly unknown[]);
      return undefined;
    }
    const isExact = this.#task.retries.crash === 0;
    const chunk = new Chunk(this, indexes, isExact);
    this.#chunks.add(chunk);
    const flags = isExact ? Flag.Chunk | Flag.Exact : Flag.Chunk;
    chunk.record = this.#core.submit(this.#stats as NameStats, flags, encoded, this.#task, chunk, chunk);
    this.#user.onSubmitted(chunk.record);
    return chunk.record;
  }

  records(): TaskRecord[] {
    return [...this.#chunks].flatMap(({ record }) => record ?? []);
  }

  // ---- what its chunks tell (ChunkUser)

  onItemSettled(outcome: Outcome, record: TaskRecord): void {
    // What the end of the record does not settle is counted here (settlement.ts).
    if (!record.isSettled) this.#core.counts[outcome.status === 'fulfilled' ? 'succeeded' : 'failed'] += 1;
    this.#user.onItemSettled(outcome, record);
  }

  again(indexes: readonly number[], args: readonly (readonly unknown[])[]): void {
    const { counts, queue } = this.#core;
    counts.submitted -= indexes.length; // they are no new ones
    const record = this.#submit(indexes, args);
    // To the front, as all that had not started (G14).
    if (record !== undefined && queue.remove(record)) this.#core.enqueue(record, 'front');
  }

  onChunkOver(chunk: Chunk): void {
    this.#chunks.delete(chunk);
    this.#user.schedule();
  }
}

/** Chunks are for items that may be started again after a death, or where the user asks for them; what has limits of its own goes alone. */
export function mayChunk({ chunkSize, journal, task }: ResolvedMapOptions): boolean {
  const { timeoutMs, softTimeoutMs, queueTimeoutMs, onProgress, retries } = task;
  const isPlain = timeoutMs === undefined && softTimeoutMs === undefined && queueTimeoutMs === undefined && onProgress === undefined;
  if (!isPlain || journal !== undefined || retries.error > 0 || retries.timeout > 0) return false;
  return chunkSize === 'auto' ? retries.crash > 0 : chunkSize > 1;
}
