/**
 * The core of a pool: the dispatch state, which lives here and nowhere else, and the rooms that
 * decide on it. What users hold (Pool, Task, Batch) are handles on it.
 *
 *   submit → queue → dispatcher → lane → settlement
 */
import type { Encoded } from '../ipc/codec/codec.js';
import { Deadlines } from '../shared/deadlines.js';
import { PoolBrokenError, PoolClosedError, QueueFullError } from '../shared/errors.js';
import { Histogram } from '../shared/histogram.js';
import type { Clock, Spawner } from '../shared/platform.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { AbortSignals } from './abort-signals.js';
import type { JournalStore } from './batch/journal-store.js';
import { Growth } from './dispatch/autoscaler.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { StartWatch } from './dispatch/start-watch.js';
import { Events } from './events.js';
import type { ResolvedPoolOptions } from './options/pool-options.js';
import type { ResolvedTaskOptions } from './options/task-options.js';
import type { Counts, Rooms } from './pool-context.js';
import { Canceller } from './settle/cancellation.js';
import { Settlement } from './settle/settlement.js';
import { onDeadline } from './settle/task-deadline.js';
import { Life } from './shutdown.js';
import type { NameStats } from './task/task-durations.js';
import { NameTable } from './task/task-names.js';
import { TaskQueue } from './task/task-queue.js';
import { type Settler, type TaskOutput, TaskRecord } from './task/task-record.js';
import { Waiters } from './waiters.js';
import { Upkeep } from './workers/recycling.js';
import { Staff } from './workers/worker-listener.js';

/** The doors, and what else a simulation replaces. */
export interface Doors {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly journals: JournalStore;
  readonly random: () => number;
  /** Workers that may boot at once. */
  readonly spawnConcurrency: number;
}

export class Core implements Rooms {
  readonly clock: Clock;
  readonly journals: JournalStore;
  readonly options: ResolvedPoolOptions;
  readonly boot: Encoded;
  readonly counts: Counts = { submitted: 0, succeeded: 0, failed: 0, cancelled: 0, retried: 0 };
  readonly queueMs: Histogram = new Histogram();
  readonly runMs: Histogram = new Histogram();
  readonly queue: TaskQueue<TaskRecord> = new TaskQueue();
  /** Tasks that wait for a retry. */
  readonly waiting: Set<TaskRecord> = new Set();
  readonly names: NameTable = new NameTable();
  readonly deadlines: Deadlines<TaskRecord>;
  readonly events: Events;
  readonly waiters: Waiters;
  readonly signals: AbortSignals<TaskRecord>;
  readonly dispatcher: Dispatcher;
  readonly settlement: Settlement;
  readonly canceller: Canceller;
  readonly supervisor: Supervisor;
  readonly life: Life;
  readonly upkeep: Upkeep;
  readonly growth: Growth;
  readonly starts: StartWatch;
  /** Names that the module exports, as the last worker that booted said; undefined until then. */
  exports: ReadonlySet<string> | undefined;
  /** Why the pool broke, while it is broken. */
  brokenBy: PoolBrokenError | undefined;
  #lastTaskId = 0;
  #outstanding = 0; // submitted and not settled

  constructor(options: ResolvedPoolOptions, doors: Doors, boot: Encoded) {
    this.clock = doors.clock;
    this.journals = doors.journals;
    this.options = options;
    this.boot = boot;
    this.deadlines = new Deadlines(doors.clock, (record) => {
      try {
        onDeadline(this, record);
      } catch (error) {
        this.settlement.torn(record, error);
      }
    });
    this.events = new Events(doors.clock);
    this.waiters = new Waiters(doors.clock);
    this.starts = new StartWatch(doors.clock);
    this.settlement = new Settlement(this);
    this.canceller = new Canceller(this);
    this.signals = new AbortSignals((record, reason) => this.canceller.abort(record, reason));
    this.upkeep = new Upkeep(this, doors.random);
    this.growth = new Growth(doors.clock, {
      backlog: () => ({ waiting: this.queue.size, meanMs: this.queue.peek()?.name.meanMs ?? 0 }),
      places: () => this.supervisor.size * options.concurrency,
      grow: (count) => this.supervisor.grow(count),
    });
    this.dispatcher = new Dispatcher(doors.clock, this.queue, this.names, options, {
      onShort: () => {
        if (this.isElastic) this.growth.onShort();
        this.supervisor.onShort();
      },
      onSpent: (lane) => this.upkeep.onSpent(lane),
      onPumped: () => this.waiters.check(),
    });
    const rules = { ...options, spawnConcurrency: doors.spawnConcurrency };
    this.supervisor = new Supervisor(doors.clock, doors.spawner, rules, new Staff(this), doors.random);
    this.life = new Life(this);
    this.supervisor.start();
  }

  /** The number of workers changes by itself. */
  get isElastic(): boolean {
    return this.supervisor.min < this.supervisor.max;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  /** A batch whose tasks all settled in one turn submits the next ones after it: only what stays idle is idle. */
  idle(): Promise<void> {
    let hasLasted = false;
    let isLooking = false;
    return this.waiters.until(() => {
      if (this.#outstanding > 0 || hasLasted || isLooking) return hasLasted && this.#outstanding === 0;
      isLooking = true;
      this.clock.afterPoll(() => {
        isLooking = false;
        hasLasted = this.#outstanding === 0;
        if (hasLasted) this.waiters.check();
      });
      return false;
    });
  }

  /** If it is closing or closed. */
  closedError(what = ''): PoolClosedError | undefined {
    if (this.life.stage === 'open') return undefined;
    return new PoolClosedError(`the pool '${this.options.name}' is ${this.supervisor.state}${what}`);
  }

  /** Why no task may be submitted now, if so. */
  refusal(): Error | undefined {
    const { state } = this.supervisor;
    if (state === 'closing' || state === 'closed') return this.closedError(': it takes no more tasks');
    if (state === 'broken') return this.brokenError();
    if (this.queue.size >= this.options.queueLimit && this.queue.size - this.dispatcher.freePlaces >= this.options.queueLimit) {
      return new QueueFullError(
        `the queue of the pool '${this.options.name}' is full: queueLimit is ${this.options.queueLimit}; room() resolves when there is room`,
      );
    }
    return undefined;
  }

  /** An error of its own for each task (A08), all with the same cause. */
  brokenError(): PoolBrokenError {
    const first = this.brokenBy as PoolBrokenError;
    return new PoolBrokenError(first.message, { death: first.death, cause: first.cause });
  }

  submit(
    name: NameStats,
    flags: number,
    encoded: Encoded,
    options: ResolvedTaskOptions,
    settler: Settler,
    stream?: TaskRecord['stream'],
  ): TaskRecord {
    const now = this.clock.now();
    const record = new TaskRecord(++this.#lastTaskId, name, flags, encoded, options, now, settler);
    record.stream = stream;
    this.counts.submitted += stream?.left ?? 1;
    this.#outstanding += 1;
    if (this.#outstanding === 1) this.clock.hold();
    // Code of the program ran while the arguments were encoded: the signal may have fired, and the pool have ended.
    if (options.signal !== undefined) {
      this.signals.watch(options.signal, record);
      if (record.isSettled) return record;
    }
    if (this.life.takesTasks && this.brokenBy === undefined) {
      this.queue.push(record);
      this.#queued(record);
    } else this.settlement.fail(record, this.refusal() ?? this.brokenError());
    return record;
  }

  /** A part of another task, and so no new one; it is in no queue yet. */
  apart(of: TaskRecord, encoded: Encoded, settler: Settler & TaskOutput): TaskRecord {
    const record = new TaskRecord(++this.#lastTaskId, of.name, of.flags, encoded, of.options, of.submittedAt, settler);
    record.stream = settler;
    record.caller = of.caller;
    this.#outstanding += 1;
    return record;
  }

  /** Into the queue, from wherever it was; what may not go on settles. */
  enqueue(record: TaskRecord, where: 'front' | 'back'): void {
    if (!this.life.takesTasks || record.ending !== undefined || this.brokenBy !== undefined) {
      this.#refuse(record);
      return;
    }
    if (record.heapIndex >= 0) this.deadlines.clear(record); // of the attempt that never started
    if (where === 'front') this.#enqueueFront(record);
    else this.queue.push(record);
    this.#queued(record);
  }

  /** It is in the queue from now on. */
  #queued(record: TaskRecord): void {
    record.state = 'queued';
    const { queueTimeoutMs } = record.options;
    if (queueTimeoutMs !== undefined && record.starts === 0) this.deadlines.set(record, record.submittedAt + queueTimeoutMs);
    this.dispatcher.schedule();
  }

  #refuse(record: TaskRecord): void {
    this.mayGoOn(record);
    if (record.ending !== undefined) this.settlement.end(record);
    else this.settlement.fail(record, this.brokenError());
  }

  mayGoOn(record: TaskRecord): boolean {
    // A pool that ends its tasks knows those that it finds: not one about which was being decided when code of the program ended the pool.
    if (!this.life.takesTasks) record.ending ??= this.life.endingOf(record);
    return record.ending === undefined && this.brokenBy === undefined;
  }

  /** What comes back keeps the order of submission, in whatever order it comes (G14). */
  #enqueueFront(record: TaskRecord): void {
    record.isBack = true;
    this.queue.pushFront(record, (other) => other.isBack && other.id < record.id);
  }

  /** A task has settled: called once for each (G1). */
  forget(record: TaskRecord): void {
    this.#outstanding -= 1;
    this.deadlines.clear(record);
    if (this.waiting.size > 0) this.waiting.delete(record);
    const { signal } = record.options;
    if (signal !== undefined) this.signals.unwatch(signal, record);
    if (this.#outstanding > 0) return;
    this.clock.release();
    this.waiters.check();
    this.life.onIdle();
  }

  /** Every task that has not settled. */
  *records(): Iterable<TaskRecord> {
    yield* this.queue;
    yield* this.waiting;
    for (const lane of this.dispatcher.lanes) for (const lease of lane.leases()) yield lease.record;
  }
}
