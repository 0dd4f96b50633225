/**
 * The core of a pool. It owns the state of dispatching and the parts that decide on that state; no
 * other object holds any. Pool, Task and Batch are handles on it.
 *
 *   submit → queue → dispatcher → worker leases → settlement
 */
import type { Encoded } from '../ipc/codec/codec.js';
import { Deadlines } from '../shared/deadlines.js';
import { PoolBrokenError, PoolClosedError, QueueFullError } from '../shared/errors.js';
import { Histogram } from '../shared/histogram.js';
import type { Clock } from '../shared/platform.js';
import { Story } from '../shared/transitions.js';
import { PoolState } from '../supervisor/pool-state.js';
import { Supervisor } from '../supervisor/supervisor.js';
import { AbortSignals } from './abort-signals.js';
import type { JournalStore } from './batch/journal-store.js';
import { Autoscaler } from './dispatch/autoscaler.js';
import { Dispatcher } from './dispatch/dispatcher.js';
import { StartWatch } from './dispatch/start-watch.js';
import { Events } from './events.js';
import type { ResolvedPoolOptions } from './options/pool-options.js';
import type { ResolvedTaskOptions } from './options/task-options.js';
import type { PoolPlatform } from './platform.js';
import type { Counts, PoolContext } from './pool-context.js';
import { Cancellation } from './settle/cancellation.js';
import { Settlement } from './settle/settlement.js';
import { onDeadline } from './settle/task-deadline.js';
import { Shutdown } from './shutdown.js';
import type { NameStats } from './task/task-durations.js';
import { NameTable } from './task/task-names.js';
import { TaskQueue } from './task/task-queue.js';
import { type Settler, type TaskItems, TaskRecord, type TaskSink } from './task/task-record.js';
import { Waiters } from './waiters.js';
import { Recycling } from './workers/recycling.js';
import { WorkerListener } from './workers/worker-listener.js';

export class PoolCore implements PoolContext {
  readonly story: Story;
  readonly poolState: PoolState;
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
  readonly cancellation: Cancellation;
  readonly supervisor: Supervisor;
  readonly shutdown: Shutdown;
  readonly recycling: Recycling;
  readonly autoscaler: Autoscaler;
  readonly startWatch: StartWatch;
  /**
   * The names that the module exports, from the last worker that booted; undefined before the
   * first.
   */
  exports: ReadonlySet<string> | undefined;
  #lastTaskId = 0;
  /** Submitted, not settled. */
  outstanding = 0;

  constructor(options: ResolvedPoolOptions, platform: PoolPlatform, boot: Encoded) {
    this.story = new Story(options.name);
    this.poolState = new PoolState(this.story);
    this.clock = platform.clock;
    this.journals = platform.journals;
    this.options = options;
    this.boot = boot;
    this.deadlines = new Deadlines(platform.clock, (record) => {
      try {
        onDeadline(this, record);
      } catch (error) {
        this.settlement.failInternally(record, error);
      }
    });
    this.events = new Events(platform.clock);
    this.waiters = new Waiters(platform.clock);
    this.startWatch = new StartWatch(platform.clock);
    this.settlement = new Settlement(this);
    this.cancellation = new Cancellation(this);
    this.signals = new AbortSignals((record, reason) => this.cancellation.abort(record, reason));
    this.recycling = new Recycling(this, platform.random);
    this.autoscaler = new Autoscaler(platform.clock, {
      backlog: () => ({ waiting: this.queue.size, meanMs: this.queue.peek()?.name.meanMs ?? 0 }),
      places: () => this.supervisor.size * options.concurrency,
      grow: (count) => this.supervisor.grow(count),
    });
    this.dispatcher = new Dispatcher(platform.clock, this.story, this.queue, this.names, options, {
      onBacklog: () => {
        if (this.isElastic) this.autoscaler.onBacklog();
        this.supervisor.onBacklog();
      },
      onAllowanceSpent: (leases) => this.recycling.onSpent(leases),
      onDispatched: () => this.waiters.check(),
    });
    const rules = { ...options, spawnConcurrency: platform.spawnConcurrency };
    this.supervisor = new Supervisor(platform.clock, platform.spawner, rules, this.poolState, new WorkerListener(this), platform.random);
    this.shutdown = new Shutdown(this);
    this.supervisor.start();
  }

  /** True if the pool itself changes the number of workers. */
  get isElastic(): boolean {
    return this.supervisor.min < this.supervisor.max;
  }

  /** When all tasks of a batch settle in one turn, it submits the next ones afterwards, so the pool
   * is idle only if it stays so. */
  idle(): Promise<void> {
    let hasLasted = false;
    let isChecking = false;
    return this.waiters.until(() => {
      if (this.outstanding > 0 || hasLasted || isChecking) return hasLasted && this.outstanding === 0;
      isChecking = true;
      this.clock.afterPoll(() => {
        isChecking = false;
        hasLasted = this.outstanding === 0;
        if (hasLasted) this.waiters.check();
      });
      return false;
    });
  }

  /** The error of a pool that is closing or closed; undefined while it is open. */
  closedError(what = ''): PoolClosedError | undefined {
    if (this.poolState.isOpen) return undefined;
    return new PoolClosedError(`the pool '${this.options.name}' is ${this.poolState.shown}${what}`);
  }

  /** The error of a task submitted now; undefined if the pool accepts it. */
  refusal(): Error | undefined {
    if (!this.poolState.isOpen) return this.closedError(': it accepts no more tasks');
    if (this.poolState.state === 'broken') return this.brokenError();
    if (this.queue.size >= this.options.queueLimit && this.queue.size - this.dispatcher.freePlaces >= this.options.queueLimit) {
      return new QueueFullError(
        `the queue of the pool '${this.options.name}' is full: queueLimit is ${this.options.queueLimit}; room() resolves once a task fits`,
      );
    }
    return undefined;
  }

  /** A new error for each task, all with the same cause. */
  brokenError(): PoolBrokenError {
    const first = this.poolState.brokenBy as PoolBrokenError;
    return new PoolBrokenError(first.message, { death: first.death, cause: first.cause });
  }

  submit(
    name: NameStats,
    flags: number,
    encoded: Encoded,
    options: ResolvedTaskOptions,
    settler: Settler,
    sink?: TaskSink,
    items?: TaskItems,
  ): TaskRecord {
    const now = this.clock.now();
    const record = new TaskRecord(++this.#lastTaskId, name, flags, encoded, options, now, settler);
    record.sink = sink;
    record.items = items;
    this.counts.submitted += items?.left ?? 1;
    this.outstanding += 1;
    if (this.outstanding === 1) this.clock.hold();
    // Encoding the arguments may run code of the program, so by now the signal may have fired, or
    // the pool may no longer be open.
    if (options.signal !== undefined) {
      this.signals.watch(options.signal, record);
      if (record.isSettled) return record;
    }
    if (this.poolState.state === 'open') {
      this.queue.push(record);
      this.#queued(record);
    } else this.settlement.fail(record, this.refusal() as Error);
    return record;
  }

  /** A part of another task: not counted as a new one, and not in a queue yet. */
  apart(of: TaskRecord, encoded: Encoded, settler: Settler & TaskItems): TaskRecord {
    const record = new TaskRecord(++this.#lastTaskId, of.name, of.flags, encoded, of.options, of.submittedAt, settler);
    record.items = settler;
    record.caller = of.caller;
    this.outstanding += 1;
    return record;
  }

  /** Puts a task that is not with a worker into the queue, or settles it if it may not go on. */
  enqueue(record: TaskRecord, where: 'front' | 'back'): void {
    if (record.ending !== undefined || !this.#startsTasks) {
      this.#refuse(record);
      return;
    }
    if (record.heapIndex >= 0) this.deadlines.clear(record); // from the attempt that never started
    if (where === 'front') this.#enqueueFront(record);
    else this.queue.push(record);
    this.#queued(record);
  }

  /** Records that the task is in the queue. */
  #queued(record: TaskRecord): void {
    record.become('queued', this.story);
    const { queueTimeoutMs } = record.options;
    if (queueTimeoutMs !== undefined && record.starts === 0) this.deadlines.set(record, record.submittedAt + queueTimeoutMs);
    this.dispatcher.schedule();
  }

  #refuse(record: TaskRecord): void {
    this.mayGoOn(record);
    if (record.ending !== undefined) this.settlement.end(record);
    else this.settlement.fail(record, this.brokenError());
  }

  /** True if tasks may wait for a worker in this pool. */
  get #startsTasks(): boolean {
    return this.poolState.startsTasks && this.poolState.brokenBy === undefined;
  }

  mayGoOn(record: TaskRecord): boolean {
    // An ending pool ends the tasks that it finds. This one may have been in the middle of a
    // decision when code of the program ended the pool.
    if (!this.poolState.startsTasks) record.ending ??= this.shutdown.endingOf(record);
    return record.ending === undefined && this.#startsTasks;
  }

  /** Returning tasks keep the order of submission, in whatever order they return (G14). */
  #enqueueFront(record: TaskRecord): void {
    record.isBack = true;
    this.queue.pushFront(record, (other) => other.isBack && other.id < record.id);
  }

  /** Called once for each task, when it has settled (G1). */
  forget(record: TaskRecord): void {
    this.outstanding -= 1;
    this.deadlines.clear(record);
    if (this.waiting.size > 0) this.waiting.delete(record);
    const { signal } = record.options;
    if (signal !== undefined) this.signals.unwatch(signal, record);
    if (this.outstanding > 0) return;
    this.clock.release();
    this.waiters.check();
    this.shutdown.onIdle();
  }

  /** All unsettled tasks. */
  *records(): Iterable<TaskRecord> {
    yield* this.queue;
    yield* this.waiting;
    for (const leases of this.dispatcher.workers) for (const lease of leases.list()) yield lease.record;
  }
}
