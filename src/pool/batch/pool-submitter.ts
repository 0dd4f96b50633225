/** Submits the tasks of a batch to a pool, alone or in chunks. */
import type { Encoded } from '../../ipc/codec/codec.js';
import type { Clock } from '../../shared/platform.js';
import type { Events } from '../events.js';
import { namedWork } from '../handles/submit.js';
import type { ResolvedMapOptions, ResolvedTaskOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import type { Caller } from '../task/submission-stack.js';
import type { NameStats } from '../task/task-durations.js';
import type { TaskRecord } from '../task/task-record.js';
import type { Waiters } from '../waiters.js';
import type { BatchRun } from './batch-run.js';
import { Chunker, mayChunk } from './chunker.js';
import type { JournalStore } from './journal-store.js';
import type { EndKind, ItemSettler, Submitter } from './submitter.js';

/** By default, the number of items, or chunks, read ahead for each task that can run at once. */
const AHEAD = 4;
let lastId = 0;

export class PoolSubmitter implements Submitter {
  readonly id: number = ++lastId;
  readonly name: string;
  readonly clock: Clock;
  readonly events: Events;
  readonly waiters: Waiters;
  readonly journals: JournalStore;
  readonly #core: PoolContext;
  readonly #caller: Caller;
  #stats: NameStats | undefined;

  constructor(core: PoolContext, name: string, caller: Caller) {
    this.name = name;
    this.clock = core.clock;
    this.events = core.events;
    this.waiters = core.waiters;
    this.journals = core.journals;
    this.#core = core;
    this.#caller = caller;
  }

  get isOpen(): boolean {
    return this.#core.poolState.state === 'open';
  }

  get hasCapacity(): boolean {
    const { poolState, queue, dispatcher, options } = this.#core;
    return poolState.state === 'open' && queue.size - dispatcher.freePlaces < options.queueLimit;
  }

  get tasksAhead(): number {
    return AHEAD * this.#core.supervisor.max * this.#core.options.concurrency;
  }

  refusal(): Error | undefined {
    return this.#core.refusal();
  }

  unknownName(): Error | undefined {
    const work = namedWork(this.#core, this.name);
    if (work instanceof Error) return work;
    this.#stats = work.stats;
    return undefined;
  }

  chunker(options: ResolvedMapOptions, isSpread: boolean, batch: BatchRun): Chunker | undefined {
    return mayChunk(options) ? new Chunker(this.#core, options, isSpread, this.#caller, batch) : undefined;
  }

  submit(_index: number, encoded: Encoded, options: ResolvedTaskOptions, settler: ItemSettler): TaskRecord {
    const record = this.#core.submit(this.#stats as NameStats, 0, encoded, options, settler);
    record.caller = this.#caller;
    return record;
  }

  end(record: TaskRecord, how: EndKind, reason: unknown): Promise<void> {
    const { cancellation, settlement } = this.#core;
    if (how !== 'abort') return cancellation[how](record, reason);
    cancellation.abort(record, reason);
    return settlement.whenOver(record);
  }
}
