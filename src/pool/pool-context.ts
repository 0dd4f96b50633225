/**
 * What the rooms of a pool ask of each other. The core (pool-core.ts) is all of this; each room knows only
 * this face of it, so that their files need not import one another in a circle.
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
  /** A value of its stream cannot be decoded: it is to end. */
  onUnreadableValue(lease: Lease, cause: unknown): void;
  onOrphaned(lease: Lease, death: Death, worker: Worker): void;
  /** What deals with it has thrown: it settles with that. Never throws. */
  failInternally(record: TaskRecord, cause: unknown): void;
  fail(record: TaskRecord, error: unknown): void;
  /** Ends a task that is with no worker, as was asked for. */
  end(record: TaskRecord): void;
  /** Resolves when the task runs nowhere. */
  whenOver(record: TaskRecord): Promise<void>;
}

/** cancellation.ts */
export interface TaskCancellation {
  cancel(record: TaskRecord, reason: unknown): Promise<void>;
  kill(record: TaskRecord, reason: unknown): Promise<void>;
  abort(record: TaskRecord, reason: unknown): void;
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
  /** The last steps of everything in the pool. */
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
  /** Names that the module exports, as the last worker that booted said; undefined until then. */
  exports: ReadonlySet<string> | undefined;
  /** Submitted and not settled. */
  readonly outstanding: number;
  /** The number of workers changes by itself. */
  readonly isElastic: boolean;
  /** An error of its own for each task (A08), all with the same cause. */
  brokenError(): PoolBrokenError;
  /** The error of a task that is submitted now; undefined if it may be submitted. */
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
  /** A part of another task, and so no new one; it is in no queue yet. */
  apart(of: TaskRecord, encoded: Encoded, settler: Settler & TaskItems): TaskRecord;
  /** Into the queue, from wherever it was; what may not go on settles. */
  enqueue(record: TaskRecord, where: 'front' | 'back'): void;
  /** False if it is to end, or its pool is broken or ends its tasks. */
  mayGoOn(record: TaskRecord): boolean;
  /** A task has settled: called once for each (G1). */
  forget(record: TaskRecord): void;
  /** Every task that has not settled. */
  records(): Iterable<TaskRecord>;
}
