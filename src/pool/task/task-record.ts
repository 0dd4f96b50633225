/**
 * A task and its attempts: everything that the pool knows about them. Only this file changes their
 * states.
 *
 *   new → queued → sent → running → succeeded | failed | cancelled
 *   running → waiting → queued   a retry
 *   sent → queued                withdrawn, or its worker died before it started
 *
 * `new`: not in the queue yet. `sent`: with a worker, and not yet presumed to run. `running`: its
 * worker is presumed to run it; the state of the lease says whether it has started. Users see
 * `new` and `sent` as `queued`.
 */

import type { Encoded } from '../../ipc/codec/codec.js';
import type { Due } from '../../shared/deadlines.js';
import type { Deferred } from '../../shared/deferred.js';
import type { AbortKind } from '../../shared/platform.js';
import { STEP_LIMIT, STORY_MASK, type Story, stepsOf, type Transitions } from '../../shared/transitions.js';
import type { Attempt } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { ResolvedTaskOptions } from '../options/task-options.js';
import type { Origin } from './origin.js';
import type { Caller } from './submission-stack.js';
import type { NameStats } from './task-durations.js';
import type { Level, Queued } from './task-queue.js';

export type TaskState = 'new' | 'queued' | 'sent' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled';

export const TASK_TRANSITIONS: Transitions<TaskState> = {
  new: ['queued', 'waiting', 'failed', 'cancelled'],
  queued: ['sent', 'failed', 'cancelled'],
  sent: ['running', 'queued', 'waiting', 'failed', 'cancelled'],
  running: ['queued', 'waiting', 'succeeded', 'failed', 'cancelled'],
  waiting: ['queued', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};
const TASK_STEPS = stepsOf('task', TASK_TRANSITIONS);

/**
 * `sent`: with a worker, and not known to have started. `started`: the worker has claimed it.
 * `withdrawn`: over, never started. `ended`: over after a start.
 */
export type LeaseState = 'sent' | 'started' | 'withdrawn' | 'ended';

export const LEASE_TRANSITIONS: Transitions<LeaseState> = {
  sent: ['started', 'withdrawn', 'ended'],
  started: ['ended'],
  withdrawn: [],
  ended: ['withdrawn'], // an attempt at a chunk, for an item that had not started
};
const LEASE_STEPS = stepsOf('attempt at task', LEASE_TRANSITIONS);

/**
 * A flag of a record: its task takes what its worker sends as bytes, undecoded (`passOn`). It is
 * beyond the eight bits of a frame's flags, so it is never sent.
 */
export const AS_BYTES = 256;

/** Settles a task: the functions of its promise, or of a batch. */
export interface Settler {
  resolve(value: unknown, record: TaskRecord): void;
  /** `isComplete`: the error shows who submitted the task, or need not. */
  reject(error: unknown, record: TaskRecord, isComplete: boolean): void;
}

/** The worker leases that hold a lease, for callers outside of dispatch (worker-leases.ts). */
export interface LeaseHolder {
  readonly worker: Worker;
  hasStarted(lease: Lease): boolean;
  withdraw(lease: Lease): boolean;
  withdrawAhead(): void;
  mayKillFor(lease: Lease): boolean;
  mayKillAsHung(): boolean;
  abort(lease: Lease, kind: AbortKind, reason: Encoded | undefined): void;
  sendTaken(lease: Lease, count: number): void;
  /** The number of open attempts that have started, by the control file. */
  countStarted(): number;
}

/** The parent's record that an attempt is with a worker. */
export class Lease {
  readonly seq: number;
  readonly record: TaskRecord;
  holder: LeaseHolder | undefined; // undefined once the lease is closed
  readonly workerId: number;
  readonly pid: number;
  /** The number that the attempt has if it starts, from 1. */
  readonly number: number;
  /** The estimated duration in whole microseconds if it was sent ahead; otherwise 0. */
  readonly estimateUs: number;
  /** The name is not known to be short, so nothing is sent ahead behind it. */
  readonly isLong: boolean;
  /**
   * Changed by `become` alone. A field and not a getter, as it is read some 20 times for each task.
   */
  readonly state: LeaseState = 'sent';
  /** When the attempt started, on the clock of the pool. */
  startedAt = 0;
  endedAt: number | undefined;
  outcome: Attempt['outcome'];
  /** The JavaScript stack of an attempt that timed out. */
  stack: string | undefined;
  /** The number of items; more than one for a chunk. */
  readonly items: number;
  /** Set if the attempt is to be ended; its worker may be killed for it. */
  target: 'cancel' | 'timeout' | undefined;

  constructor(seq: number, record: TaskRecord, holder: LeaseHolder, estimateUs: number, isLong: boolean) {
    this.seq = seq;
    this.record = record;
    this.holder = holder;
    this.workerId = holder.worker.id;
    this.pid = holder.worker.pid ?? 0;
    this.number = record.past === undefined ? record.starts + 1 : record.totalStarts + 1;
    this.estimateUs = estimateUs;
    this.isLong = isLong;
    this.items = Math.max(record.items?.left ?? 1, 1);
  }

  /** True if the parent knows of the start, from a message or the control file. */
  get hasStarted(): boolean {
    return this.state === 'started' || this.state === 'ended';
  }

  /** @throws EverpoolError (ERR_EVERPOOL_INTERNAL) if the table has no such step */
  become(to: LeaseState, story: Story): void {
    const step = LEASE_STEPS[this.state][to];
    if (step === undefined)
      throw story.impossible(`attempt ${this.number} at task ${this.record.id} is ${this.state}: it cannot become ${to}`);
    story.steps[story.count++ & STORY_MASK] = this.record.id * STEP_LIMIT + step;
    if (story.isPrinted) story.print();
    (this as { state: string }).state = to;
  }
}

/** A requested end of a task, until the task settles. */
export interface Ending {
  readonly at: number;
  readonly state: 'cancelled' | 'failed';
  /** The reason, for the signal that the task sees. */
  readonly reason: unknown;
  /** Builds the error that the task rejects with. */
  readonly error: (isForced: boolean) => unknown;
}

/** What happened to a task before its present attempt. */
export class Past {
  origin: Origin | undefined;
  /** The number of attempts that other pools had started. */
  elsewhere = 0;
  /** The earlier attempts that had started in this pool. */
  readonly attempts: Lease[] = [];
  crashes = 0;
  timeouts = 0;
  errors = 0;
}

/** Receives the values of a generator task. */
export interface TaskSink {
  /** True once a value was read: another attempt would yield it twice. */
  readonly hasTaken: boolean;
  put(value: unknown, bytes: number): void;
  /** The attempt failed, and another one follows. */
  lost(): void;
}

/** The items of a chunk. */
export interface TaskItems {
  /** The number of items whose outcomes have not arrived. */
  readonly left: number;
  /** Takes the outcomes of some items. @throws ProtocolError */
  put(outcomes: unknown): void;
  /**
   * Splits a lost attempt in which the first `started` items had started: returns the attempt as
   * each remaining item sees it.
   */
  split(lease: Lease, started: number): Lease[];
}

/**
 * As small as possible: a million may be queued, and the garbage collector copies each survivor
 * twice.
 */
export class TaskRecord implements Due, Queued<TaskRecord> {
  readonly id: number;
  readonly name: NameStats;
  /** The flags of its Run frames. */
  flags: number;
  codec: number;
  /** The encoded arguments; released when the task settles (G12). */
  body: string | Buffer | undefined;
  attachments: readonly Buffer[];
  readonly options: ResolvedTaskOptions;
  readonly submittedAt: number;
  /** Changed by `become` alone. */
  readonly state: TaskState = 'new';
  readonly settler: Settler;
  /**
   * Where it was submitted (submission-stack.ts). Released when the task settles, as it keeps the
   * variables of the calling functions alive.
   */
  caller: Caller | undefined;

  lease: Lease | undefined;
  /** Undefined before the first failure, here or elsewhere. */
  past: Past | undefined;
  /** True if it was sent before and is back at the front of the queue. */
  isBack = false;
  /** The number of attempts that have started in this pool. */
  starts = 0;
  ending: Ending | undefined;
  /** Settles once no process runs the task. */
  over: Deferred<void> | undefined;
  /** Settles once the process that was killed for the task, or died with it, is reaped. */
  reaped: Promise<void> | undefined;
  sink: TaskSink | undefined;
  items: TaskItems | undefined;
  started: Deferred<Attempt> | undefined;
  /** The time of its deadline; the state determines the meaning (task-deadline.ts). */
  dueAt = 0;
  heapIndex = -1;
  isSoftPast = false;

  // Queued
  queuePrev: TaskRecord | undefined;
  queueNext: TaskRecord | undefined;
  queueLevel: Level<TaskRecord> | undefined;

  constructor(
    id: number,
    name: NameStats,
    flags: number,
    encoded: { codec: number; body: string | Buffer | undefined; attachments: readonly Buffer[] },
    options: ResolvedTaskOptions,
    submittedAt: number,
    settler: Settler,
  ) {
    this.id = id;
    this.name = name;
    this.flags = flags;
    this.codec = encoded.codec;
    this.body = encoded.body;
    this.attachments = encoded.attachments;
    this.options = options;
    this.submittedAt = submittedAt;
    this.settler = settler;
  }

  /** @throws EverpoolError (ERR_EVERPOOL_INTERNAL) if the table has no such step */
  become(to: TaskState, story: Story): void {
    const step = TASK_STEPS[this.state][to];
    if (step === undefined) throw story.impossible(`task ${this.id} is ${this.state}: it cannot become ${to}`);
    story.steps[story.count++ & STORY_MASK] = this.id * STEP_LIMIT + step;
    if (story.isPrinted) story.print();
    (this as { state: string }).state = to;
  }

  get isSettled(): boolean {
    return this.state === 'succeeded' || this.state === 'failed' || this.state === 'cancelled';
  }

  get isCancelled(): boolean {
    return this.state === 'cancelled';
  }

  get isWithWorker(): boolean {
    return this.lease !== undefined;
  }

  get isRunning(): boolean {
    return this.lease?.holder?.hasStarted(this.lease) === true;
  }

  get priority(): number {
    return this.options.priority;
  }

  /** The duration of the last attempt, in milliseconds. */
  get tookMs(): number {
    const lease = this.lease;
    return lease?.endedAt === undefined ? 0 : Math.max(0, lease.endedAt - lease.startedAt);
  }

  /** The number of started attempts, those in other pools included. */
  get totalStarts(): number {
    return this.starts + (this.past?.elsewhere ?? 0);
  }

  /** The started attempts, as users see them. */
  attempts(epoch: number): Attempt[] {
    const past = this.past?.attempts ?? [];
    const leases = this.lease?.hasStarted === true ? [...past, this.lease] : past;
    return leases.map((lease) => toAttempt(lease, epoch));
  }
}

export function pastOf(record: TaskRecord): Past {
  record.past ??= new Past();
  return record.past;
}

/** The number of the failed attempt, from 1. */
export function failuresOf({ past }: TaskRecord): number {
  return past === undefined ? 1 : past.elsewhere + past.crashes + past.timeouts + past.errors;
}

/** The attempt at a chunk as seen by one of its items, which goes on as a task of its own. */
export function partOf(lease: Lease, record: TaskRecord): Lease {
  const worker = { id: lease.workerId, pid: lease.pid } as Worker;
  const part = new Lease(lease.seq, record, { worker } as LeaseHolder, 0, lease.isLong);
  part.holder = undefined;
  part.startedAt = lease.startedAt;
  part.endedAt = lease.endedAt;
  record.lease = part;
  return part;
}

/**
 * Ends an item's part of an attempt at a chunk. Only now is it known whether the item had started.
 */
export function endPart(lease: Lease, hasStarted: boolean, story: Story): void {
  if (hasStarted === lease.hasStarted) {
    if (lease.state === 'sent') lease.become('withdrawn', story);
    return;
  }
  lease.become(hasStarted ? 'ended' : 'withdrawn', story);
  lease.record.starts += hasStarted ? 1 : -1;
}

/** The earliest time at which the present attempt can have started. */
export function earliestStart(record: TaskRecord): number {
  return record.past?.attempts.at(-1)?.endedAt ?? record.submittedAt;
}

export function toAttempt(lease: Lease, epoch: number): Attempt {
  return {
    number: lease.number,
    workerId: lease.workerId,
    pid: lease.pid,
    startedAt: lease.startedAt + epoch,
    ...(lease.endedAt === undefined ? {} : { endedAt: lease.endedAt + epoch }),
    ...(lease.outcome === undefined ? {} : { outcome: lease.outcome }),
  };
}
