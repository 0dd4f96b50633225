/**
 * The store itself: what Redis or PostgreSQL and BullMQ do. Its steps take no time and never fail;
 * the ways to it are sim-client-store.ts and sim-host.ts, and they do.
 */
import type { NewTask, StoredTask, StoreEvent, TaskStatus } from '../../../src/cluster/store/types.js';
import type { TaskData } from '../../../src/cluster/wire/task.js';
import type { Clock } from '../../../src/shared/platform.js';

export interface Job {
  readonly id: string;
  readonly priority: number;
  order: number;
  data: TaskData;
  state: 'queued' | 'active' | 'delayed' | 'completed' | 'failed';
  /** Of the host and the attempt that has it. */
  token: string | undefined;
  lockedUntil: number;
  silences: number;
  outcome: string | undefined;
  rows: string[];
  wasTaken: boolean;
}

/** What was observed, for the checks. */
export interface Ledger {
  /** By task: the times of its starts. */
  readonly starts: Map<string, number[]>;
  /** By task: the outcome that the store has accepted. */
  readonly outcomes: Map<string, string>;
  /** By task: when the first one was. */
  readonly endedAt: Map<string, number>;
  /** The tasks whose `add` was answered to their client. */
  readonly answered: Set<string>;
  /** By task: how often its client reported its end. */
  readonly settled: Map<string, number>;
  /** Every task that ever was in the store. */
  readonly stored: Set<string>;
  /** Removed by nobody of the cluster. */
  readonly byOperator: Set<string>;
}

export class SimQueue {
  readonly clock: Clock;
  readonly jobs: Map<string, Job> = new Map();
  readonly batches: Map<string, string> = new Map();
  readonly ledger: Ledger = {
    starts: new Map(),
    outcomes: new Map(),
    endedAt: new Map(),
    answered: new Set(),
    settled: new Map(),
    stored: new Set(),
    byOperator: new Set(),
  };
  readonly listeners: Set<(event: StoreEvent) => void> = new Set();
  /** Of hosts: they hear what is published to end tasks, and that there is work. */
  readonly hosts: Set<{ onEnd(message: string): void; onWork(): void; readonly slots: number; readonly name: string }> = new Set();
  /** The most jobs that were ever in it. */
  most = 0;
  isRefused: (task: NewTask) => boolean = () => false;
  #order = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  emit(event: StoreEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  /** @throws Refused: all are added, or none */
  add(tasks: readonly NewTask[]): void {
    const bad = tasks.find((task) => this.isRefused(task));
    if (bad !== undefined) throw new Refused(`the store refuses ${bad.id}`);
    for (const { id, data, priority } of tasks) {
      if (this.jobs.has(id)) continue;
      this.#order += 1;
      this.jobs.set(id, {
        id,
        priority,
        order: this.#order,
        data,
        state: 'queued',
        token: undefined,
        lockedUntil: 0,
        silences: 0,
        outcome: undefined,
        rows: [],
        wasTaken: false,
      });
      this.ledger.stored.add(id);
    }
    this.most = Math.max(this.most, this.jobs.size);
    for (const host of this.hosts) host.onWork();
  }

  remove(id: string): 'removed' | 'taken' | 'missing' {
    const job = this.jobs.get(id);
    if (job === undefined) return 'missing';
    if (job.state === 'completed' || job.state === 'failed') return 'taken';
    if (job.state === 'active' && job.lockedUntil > this.clock.now()) return 'taken';
    this.#delete(id);
    return 'removed';
  }

  /** Whatever its state. */
  removeByOperator(id: string): void {
    this.ledger.byOperator.add(id);
    this.#delete(id);
  }

  #delete(id: string): void {
    if (this.jobs.delete(id)) this.emit({ kind: 'removed', id });
  }

  discard(ids: readonly string[]): void {
    for (const id of ids) this.#delete(id);
  }

  status(id: string): TaskStatus {
    const job = this.jobs.get(id);
    if (job === undefined) return { state: 'missing' };
    if (job.state === 'completed') return { state: 'completed', outcome: job.outcome };
    if (job.state === 'failed') return { state: 'failed', reason: job.outcome };
    return { state: 'unfinished' };
  }

  read(id: string): StoredTask | undefined {
    const job = this.jobs.get(id);
    return job === undefined ? undefined : { id, data: job.data, status: this.status(id), wasTaken: job.wasTaken };
  }

  /** Takes the next task. The host has its lock from now on. */
  take(token: string, lockMs: number): Job | undefined {
    let best: Job | undefined;
    for (const job of this.jobs.values()) {
      if (job.state !== 'queued') continue;
      if (best === undefined || job.priority > best.priority || (job.priority === best.priority && job.order < best.order)) best = job;
    }
    if (best === undefined) return undefined;
    best.state = 'active';
    best.wasTaken = true;
    best.token = token;
    best.lockedUntil = this.clock.now() + lockMs;
    this.emit({ kind: 'taken', id: best.id });
    return best;
  }

  renew(id: string, token: string, lockMs: number): boolean {
    const job = this.jobs.get(id);
    if (job?.state !== 'active' || job.token !== token) return false;
    job.lockedUntil = this.clock.now() + lockMs;
    return true;
  }

  /** Returns whether the store has taken the report: not without the lock. */
  report(id: string, token: string, state: 'completed' | 'failed', outcome: string): boolean {
    const job = this.jobs.get(id);
    if (job?.state !== 'active' || job.token !== token) return false;
    job.state = state;
    job.token = undefined;
    job.outcome = outcome;
    this.ledger.outcomes.set(id, outcome);
    if (!this.ledger.endedAt.has(id)) this.ledger.endedAt.set(id, this.clock.now());
    this.emit(state === 'completed' ? { kind: 'completed', id, outcome } : { kind: 'failed', id, reason: outcome });
    return true;
  }

  retry(id: string, token: string, data: TaskData, delayMs: number): boolean {
    const job = this.jobs.get(id);
    if (job?.state !== 'active' || job.token !== token) return false;
    job.data = data;
    job.token = undefined;
    job.state = 'delayed';
    this.emit({ kind: 'waiting', id });
    this.clock.setTimer(() => {
      if (this.jobs.get(id) !== job || job.state !== 'delayed') return;
      this.#queue(job, false);
    }, delayMs);
    return true;
  }

  #queue(job: Job, isFirst: boolean): void {
    job.state = 'queued';
    this.#order += 1;
    job.order = isFirst ? -this.#order : this.#order;
    this.emit({ kind: 'queued', id: job.id });
    for (const host of this.hosts) host.onWork();
  }

  /** What silent hosts had goes to the front. */
  checkStalled(): void {
    for (const job of this.jobs.values()) {
      if (job.state !== 'active' || job.lockedUntil > this.clock.now()) continue;
      job.token = undefined;
      job.silences += 1;
      this.#queue(job, true);
    }
  }
}

export class Refused extends Error {}
export class ConnectionLost extends Error {}
