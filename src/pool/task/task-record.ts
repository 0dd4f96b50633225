/**
 * A task, and each of its attempts: what the pool knows of them. Only this file changes their states.
 *
 *   new → queued → sent → running → succeeded | failed | cancelled
 *                         running → waiting → queued   (a retry)
 *                  sent → queued                       (withdrawn, or its worker died before it started)
 *
 * `new`: not in the queue yet. `sent`: with a worker that is still busy with other attempts. `running`: its worker is presumed to run
 * it; whether it has started is the lease's state. Users see `new` and `sent` as `queued`.
 */

import type { Encoded } from '../../ipc/codec/codec.js';
import type { Due } from '../../shared/deadlines.js';
import type { Deferred } from '../../shared/deferred.js';
import type { AbortKind } from '../../shared/platform.js';
import { STEP_LIMIT, STORY_MASK, type Story, stepsOf, type Transitions } from '../../shared/transitions.js';
import type { Attempt } from '../../shared/types.js';
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { ResolvedTaskOptions } from '../options/task-options.js';
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
 * `sent`: with a worker, and not known to have started. `revoked`: it is being taken back; its worker drops it, or has started it.
 * `started`: its worker has recorded the start. `withdrawn`: over, and it never started. `ended`: over, and it had started.
 */
export type LeaseState = 'sent' | 'revoked' | 'started' | 'withdrawn' | 'ended';

export const LEASE_TRANSITIONS: Transitions<LeaseState> = {
  sent: ['revoked', 'started', 'withdrawn', 'ended'],
  revoked: ['started', 'withdrawn'],
  started: ['ended'],
  withdrawn: [],
  ended: ['withdrawn'], // the attempt at a chunk, for an item that had not started in it
};
const LEASE_STEPS = stepsOf('attempt at task', LEASE_TRANSITIONS);

/** What settles a task: the functions of its promise, or those of a batch. */
export interface Settler {
  resolve(value: unknown, record: TaskRecord): void;
  /** `isComplete`: the error tells who asked for the task, or need not. */
  reject(error: unknown, record: TaskRecord, isComplete: boolean): void;
}

/** The lane of a lease, as it may be asked about it (worker-leases.ts says how). */
export interface LeaseHolder {
  readonly worker: Worker;
  hasStarted(lease: Lease): boolean;
  withdraw(lease: Lease): boolean;
  withdrawAhead(): void;
  mayKillFor(lease: Lease): boolean;
  mayKillAsHung(): boolean;
  abort(lease: Lease, kind: AbortKind, reason: Encoded | undefined): void;
  sendTaken(lease: Lease, count: number): void;
  /** How many of its attempts have started, by the worker's note. */
  countStarted(): number;
}

/** The parent's record that an attempt is with a worker. */
export class Lease {
  readonly seq: number;
  readonly record: TaskRecord;
  holder: LeaseHolder | undefined; // undefined once it is closed
  readonly workerId: number;
  readonly pid: number;
  /** The attempt's number, if it starts. */
  readonly number: number;
  /** Microseconds of work, in whole numbers, that it was estimated to be when it was sent ahead; 0 if it was not. */
  readonly estimateUs: number;
  /** Its name is not known to be short: nothing is sent ahead behind it. */
  readonly isLong: boolean;
  /** Changed by `become` alone. It is read some twenty times for each task, so it is a field and no getter. */
  readonly state: LeaseState = 'sent';
  /** Of a running attempt: when it started, on the clock of the pool. */
  startedAt = 0;
  endedAt: number | undefined;
  outcome: Attempt['outcome'];
  /** Of one that timed out: where its JavaScript was. */
  stack: string | undefined;
  /** More than one: a chunk. */
  readonly items: number;
  /** It is to be ended, and its worker may be killed for it. */
  target: 'cancel' | 'timeout' | undefined;

  constructor(seq: number, record: TaskRecord, holder: LeaseHolder, estimateUs: number, isLong: boolean) {
    this.seq = seq;
    this.record = record;
    this.holder = holder;
    this.workerId = holder.worker.id;
    this.pid = holder.worker.pid ?? 0;
    this.number = record.starts + 1;
    this.estimateUs = estimateUs;
    this.isLong = isLong;
    this.items = Math.max(record.items?.left ?? 1, 1);
  }

  /** The parent knows that it has started: from its worker, or from the control file. */
  get hasStarted(): boolean {
    return this.state === 'started' || this.state === 'ended';
  }
  get isRevoked(): boolean {
    return this.state === 'revoked';
  }

  /** @throws EverpoolError (ERR_EVERPOOL_INTERNAL) if there is no such step */
  become(to: LeaseState, story: Story): void {
    const step = LEASE_STEPS[this.state][to];
    if (step === undefined)
      throw story.impossible(`attempt ${this.number} at task ${this.record.id} is ${this.state}: it cannot become ${to}`);
    story.steps[story.count++ & STORY_MASK] = this.record.id * STEP_LIMIT + step;
    if (story.isPrinted) story.print();
    (this as { state: string }).state = to;
  }
}

/** The end that someone asked for, until the task has settled. */
export interface Ending {
  readonly at: number;
  readonly state: 'cancelled' | 'failed';
  /** Why: what the task's signal is given. */
  readonly reason: unknown;
  /** What the task rejects with. */
  readonly error: (isForced: boolean) => unknown;
}

/** What went wrong with a task until now. */
export class Past {
  /** Started attempts before the present one. */
  readonly attempts: Lease[] = [];
  crashes = 0;
  timeouts = 0;
  errors = 0;
}

/** Where the values of a generator task go. */
export interface TaskSink {
  /** A value was read: another attempt would yield it twice. */
  readonly hasTaken: boolean;
  put(value: unknown, bytes: number): void;
  /** The attempt has failed, and another follows. */
  lost(): void;
}

/** The items of a chunk. */
export interface TaskItems {
  /** The number of items whose outcomes have not arrived. */
  readonly left: number;
  /** Takes the outcomes of some items. @throws ProtocolError */
  put(outcomes: unknown): void;
  /** The attempt is lost, and the first `started` items had started: the attempt as each item sees it that goes on. */
  split(lease: Lease, started: number): Lease[];
}

/** As small as it can be: a million of them may be queued, and the collector copies each that lives twice. */
export class TaskRecord implements Due, Queued<TaskRecord> {
  readonly id: number;
  readonly name: NameStats;
  /** Of its Run frames. */
  flags: number;
  codec: number;
  /** The encoded arguments; let go when it settles (G12). */
  body: string | Buffer | undefined;
  attachments: readonly Buffer[];
  readonly options: ResolvedTaskOptions;
  readonly submittedAt: number;
  /** Changed by `become` alone. */
  readonly state: TaskState = 'new';
  readonly settler: Settler;
  /** Where it was submitted (submission-stack.ts). It holds what the calling functions see, so it is let go when the task settles. */
  caller: Caller | undefined;

  lease: Lease | undefined;
  /** Undefined while nothing went wrong. */
  past: Past | undefined;
  /** It had been sent before, and stands at the front of the queue. */
  isBack = false;
  /** Started attempts. */
  starts = 0;
  ending: Ending | undefined;
  /** Who waits for it to run nowhere. */
  over: Deferred<void> | undefined;
  /** Settles when the process that is killed for it, or died with it, is gone. */
  reaped: Promise<void> | undefined;
  sink: TaskSink | undefined;
  items: TaskItems | undefined;
  started: Deferred<Attempt> | undefined;
  /** What its deadline is for follows from its state (task-deadline.ts). */
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

  /** @throws EverpoolError (ERR_EVERPOOL_INTERNAL) if there is no such step */
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

  get priority(): number {
    return this.options.priority;
  }

  /** The started attempts as users see them. */
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
  return past === undefined ? 1 : past.crashes + past.timeouts + past.errors;
}

/** The attempt at a chunk as one of its items sees it, which goes on as a task of its own. */
export function partOf(lease: Lease, record: TaskRecord): Lease {
  const worker = { id: lease.workerId, pid: lease.pid } as Worker;
  const part = new Lease(lease.seq, record, { worker } as LeaseHolder, 0, lease.isLong);
  part.holder = undefined;
  part.startedAt = lease.startedAt;
  part.endedAt = lease.endedAt;
  record.lease = part;
  return part;
}

/** The attempt at a chunk is over: whether this item had started in it is known only now. */
export function endPart(lease: Lease, hasStarted: boolean, story: Story): void {
  if (hasStarted === lease.hasStarted) {
    if (lease.state === 'sent') lease.become('withdrawn', story);
    return;
  }
  lease.become(hasStarted ? 'ended' : 'withdrawn', story);
  lease.record.starts += hasStarted ? 1 : -1;
}

/** Its present attempt has not started before that. */
export function earliestStart(record: TaskRecord): number {
  return record.past?.attempts.at(-1)?.endedAt ?? record.submittedAt;
}

/** Of its last attempt. */
export function tookMs(record: TaskRecord | undefined): number {
  const lease = record?.lease;
  return lease?.endedAt === undefined ? 0 : Math.max(0, lease.endedAt - lease.startedAt);
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
