/**
 * What the parts of a pool ask of one another. The core (pool-core.ts) implements all of it. Each
 * folder imports only this interface, so that their files do not import one another in a circle.
 */
import type { Encoded } from '../ipc/codec/codec.js';
import type { Message } from '../ipc/frame.js';
import type { Deadlines } from '../shared/deadlines.js';
import type { PoolBrokenError } from '../shared/errors.js';
import type { Histogram } from '../shared/histogram.js';
import type { Clock } from '../shared/platform.js';
import type { Story } from '../shared/transitions.js';
import type { Death } from '../shared/types.js';
import type { Worker } from '../supervisor/lifecycle/worker.js';
import type { PoolState } from '../supervisor/pool-state.js';
import type { Supervisor } from '../supervisor/supervisor.js';
import type { AbortSignals } from './abort-signals.js';
import type { JournalStore } from './batch/journal-store.js';
import type { Autoscaler } from './dispatch/autoscaler.js';
import type { Dispatcher } from './dispatch/dispatcher.js';
import type { StartWatch } from './dispatch/start-watch.js';
import type { WorkerLeases } from './dispatch/worker-leases.js';
import type { Events } from './events.js';
import type { ResolvedPoolOptions } from './options/pool-options.js';
import type { ResolvedTaskOptions } from './options/task-options.js';
import type { NameStats } from './task/task-durations.js';
import type { NameTable } from './task/task-names.js';
import type { TaskQueue } from './task/task-queue.js';
import type { Ending, Lease, Settler, TaskItems, TaskRecord, TaskSink } from './task/task-record.js';
import type { Waiters } from './waiters.js';

export interface Counts {
  submitted: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  retried: number;
}

/** settlement.ts */
export interface TaskSettlement {
  onStarted(lease: Lease): void;
  onReply(lease: Lease, message: Message, worker: Worker): void;
  onWithdrawn(lease: Lease): void;
  /** Ends a task because a value of its stream cannot be decoded. */
  onUnreadableValue(lease: Lease, cause: unknown): void;
  onOrphaned(lease: Lease, death: Death, worker: Worker): void;
  /** Settles a task with an error that the pool itself threw while handling it. Never throws. */
  failInternally(record: TaskRecord, cause: unknown): void;
  fail(record: TaskRecord, error: unknown): void;
  /** Ends a task that is not with a worker, as its `ending` says. */
  end(record: TaskRecord): void;
  /** Resolves once no process runs the task. */
  whenOver(record: TaskRecord): Promise<void>;
}

/** cancellation.ts */
export interface TaskCancellation {
  cancel(record: TaskRecord, reason: unknown): Promise<void>;
  kill(record: TaskRecord, reason: unknown): Promise<void>;
  abort(record: TaskRecord, reason: unknown): void;
  withdraw(record: TaskRecord): boolean;
  end(record: TaskRecord, ending: Ending, how: 'cancel' | 'kill', graceMs?: number): void;
  forceEnd(lease: Lease): void;
  onGraceOver(record: TaskRecord): void;
}

/** recycling.ts */
export interface WorkerRecycling {
  onUsable(leases: WorkerLeases): void;
  onIdle(): void;
  onDied(leases: WorkerLeases): void;
  stop(): void;
}

export interface PoolContext {
  readonly poolState: PoolState;
  /** The latest state changes of everything in the pool. */
  readonly story: Story;
  readonly clock: Clock;
  readonly journals: JournalStore;
  readonly options: ResolvedPoolOptions;
  /** The body of each worker's Boot message. */
  readonly boot: Encoded;
  readonly counts: Counts;
  readonly queueMs: Histogram;
  readonly runMs: Histogram;
  readonly queue: TaskQueue<TaskRecord>;
  /** Tasks that wait for a retry. */
  readonly waiting: Set<TaskRecord>;
  readonly names: NameTable;
  readonly deadlines: Deadlines<TaskRecord>;
  readonly events: Events;
  readonly waiters: Waiters;
  readonly signals: AbortSignals<TaskRecord>;
  readonly dispatcher: Dispatcher;
  readonly supervisor: Supervisor;
  readonly settlement: TaskSettlement;
  readonly cancellation: TaskCancellation;
  readonly recycling: WorkerRecycling;
  readonly autoscaler: Autoscaler;
  readonly startWatch: StartWatch;
  /**
   * The names that the module exports, from the last worker that booted; undefined before the
   * first.
   */
  exports: ReadonlySet<string> | undefined;
  /** The number of tasks submitted and not settled. */
  readonly outstanding: number;
  /** True if the pool itself changes the number of workers. */
  readonly isElastic: boolean;
  /** A new error for each task, all with the same cause. */
  brokenError(): PoolBrokenError;
  /** The error of a task submitted now; undefined if the pool accepts it. */
  refusal(): Error | undefined;
  submit(
    name: NameStats,
    flags: number,
    encoded: Encoded,
    options: ResolvedTaskOptions,
    settler: Settler,
    sink?: TaskSink,
    items?: TaskItems,
  ): TaskRecord;
  /** A part of another task: not counted as a new one, and not in a queue yet. */
  apart(of: TaskRecord, encoded: Encoded, settler: Settler & TaskItems): TaskRecord;
  /** Puts a task that is not with a worker into the queue, or settles it if it may not go on. */
  enqueue(record: TaskRecord, where: 'front' | 'back'): void;
  /** False if the task has an ending, or the pool is broken or ends its tasks. */
  mayGoOn(record: TaskRecord): boolean;
  /** Called once for each task, when it has settled (G1). */
  forget(record: TaskRecord): void;
  /** All unsettled tasks. */
  records(): Iterable<TaskRecord>;
}
