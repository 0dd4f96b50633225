/**
 * What a client and a host ask of the store. BullMQ is behind it (bull-client-store.ts,
 * bull-host-store.ts); the simulation has one of its own.
 *
 * The store may go away at any moment. Every promise here then stays pending, or rejects with an
 * error for which `isRefusal` is false, and may be repeated: each call is harmless when repeated.
 */
import type { HostInfo } from '../types.js';
import type { TaskData } from '../wire/task.js';

/** A task to be added. */
export interface NewTask {
  readonly id: string;
  /** For dashboards. */
  readonly name: string;
  readonly data: TaskData;
  /** Higher first: an integer from -1,000,000 to 999,999. */
  readonly priority: number;
  /** The most times that it may fail and be tried again. */
  readonly retries: number;
}

/** What the store knows of a task. */
export type TaskStatus =
  | { readonly state: 'missing' }
  /** `queued`, `running` (a host has taken it) or `waiting` (for the delay of a retry). */
  | { readonly state: 'unfinished'; readonly as?: 'queued' | 'running' | 'waiting' }
  | { readonly state: 'completed'; readonly outcome: unknown }
  | { readonly state: 'failed'; readonly reason: unknown };

/** A task as it lies in the store. What it holds may be anything. */
export interface StoredTask {
  readonly id: string;
  readonly data: unknown;
  readonly status: TaskStatus;
  /** A host has it, or had it. */
  readonly wasTaken: boolean;
}

/** An event of the store: a hint. What it holds may be anything. */
export type StoreEvent =
  | { readonly kind: 'taken'; readonly id: string }
  | { readonly kind: 'queued'; readonly id: string }
  | { readonly kind: 'waiting'; readonly id: string }
  | { readonly kind: 'completed'; readonly id: string; readonly outcome: unknown }
  | { readonly kind: 'failed'; readonly id: string; readonly reason: unknown }
  | { readonly kind: 'progress'; readonly id: string; readonly message: unknown }
  | { readonly kind: 'removed'; readonly id: string }
  /** Somebody ended the task: an EndedMessage. */
  | { readonly kind: 'ended'; readonly message: unknown };

export interface ClientStoreListener {
  /** Events of other tasks need not be reported. */
  awaits(id: string): boolean;
  onEvent(event: StoreEvent): void;
  /** The store is away, or refuses something. */
  onError(error: Error): void;
  /** The store answers again. */
  onRecovered(): void;
}

/** The store of one client. */
export interface ClientStore {
  /** Resolves once the store can be used, and events are read. @throws StoreError */
  ready(): Promise<void>;
  /**
   * In this order. A task whose id is there already is left alone. If it rejects, some may have
   * been added (of Redis), or none (of PostgreSQL).
   */
  add(tasks: readonly NewTask[]): Promise<void>;
  /**
   * `removed`: the task never starts any more. One whose host has been silent for longer than its
   * lock is removed as well. `taken`: a host has it, or it has finished; nothing was done.
   */
  remove(id: string): Promise<'removed' | 'taken' | 'missing'>;
  /** Removes finished tasks whose results were read. */
  discard(ids: readonly string[]): Promise<void>;
  /** In the order of the ids. Reads no arguments. */
  statuses(ids: readonly string[]): Promise<TaskStatus[]>;
  /** In the order of the ids; undefined: missing. */
  read(ids: readonly string[]): Promise<(StoredTask | undefined)[]>;
  /** In the order of the ids: `TaskData.head`, or undefined if there is none. */
  heads(ids: readonly string[]): Promise<(string | undefined)[]>;
  /** The rows of its log. */
  rows(id: string): Promise<readonly string[]>;
  /** All unfinished tasks of all clients. */
  unfinished(): AsyncIterable<StoredTask>;
  /** To all hosts: an EndMessage. */
  publishEnd(message: string): Promise<void>;
  /** To all clients: an EndedMessage. */
  publishEnded(message: string): Promise<void>;
  counts(): Promise<{ readonly queued: number; readonly running: number; readonly waiting: number; readonly kept: number }>;
  hosts(): Promise<HostInfo[]>;
  /**
   * Named batches (a text each). `createBatch` leaves one that exists alone, and returns what is
   * there; `updateBatch` creates one that is missing.
   */
  createBatch(id: string, text: string): Promise<string>;
  readBatch(id: string): Promise<string | undefined>;
  updateBatch(id: string, text: string): Promise<void>;
  removeBatch(id: string): Promise<void>;
  /** Disconnects. Pending calls stay pending or reject. Never rejects. */
  close(): Promise<void>;
}

/** True if repeating the call cannot help: the store answered, and refuses it. */
export type IsRefusal = (error: unknown) => boolean;

// ---- of a host

/** A task that this host has taken: its lock is the host's for `lockMs`, from `takenAt` on. */
export interface TakenTask {
  readonly id: string;
  /** Of this host and this attempt: the store refuses reports with another one. */
  readonly token: string;
  readonly data: unknown;
  /** How often a host that had it fell silent. */
  readonly silences: number;
  /** How often it failed and was reported to be tried again. */
  readonly failures: number;
  /** What `performance.now()` was before it was asked for. */
  readonly takenAt: number;
}

/** What is to become of a taken task. */
export type Report =
  | { readonly kind: 'completed'; readonly outcome: string }
  | { readonly kind: 'failed'; readonly reason: string }
  /** It failed, and starts again after the delay. `data` is written first, with the failure. */
  | { readonly kind: 'retry'; readonly reason: string; readonly delayMs: number; readonly data: TaskData }
  /** It has not started: any host may take it, this one too, and nothing is counted. */
  | { readonly kind: 'return' }
  /** The lock is lost: another host may have it, and nothing is reported. */
  | { readonly kind: 'abandon' };

export interface HostStoreListener {
  /** Never rejects. Called only while fewer than `slots` tasks are with this host. */
  onTask(task: TakenTask): Promise<Report>;
  /** The store has the report (`isDone`), or the lock was lost before it took it. */
  onReported(id: string, isDone: boolean): void;
  /** The locks are this host's for `lockMs` from `askedAt` on, of `performance.now()`. */
  onRenewed(ids: readonly string[], askedAt: number): void;
  /** The locks are another host's, or nobody's. */
  onLost(ids: readonly string[]): void;
  /** An EndMessage. */
  onEnd(message: unknown): void;
  onError(error: Error): void;
  onRecovered(): void;
}

/** The store of one host. */
export interface HostStore {
  /** Resolves once the store can be used, and messages are read. @throws StoreError */
  ready(): Promise<void>;
  /** Begins to take tasks. */
  start(): void;
  /** Takes no more; those it has go on. */
  pause(): void;
  resume(): void;
  /** The number of tasks that it takes at once. */
  setSlots(slots: number): void;
  /** Adds rows to the log of a task, one after the other. */
  addRows(id: string, rows: readonly string[]): Promise<void>;
  publishProgress(id: string, message: string): Promise<void>;
  /** Shows the host in `hosts()`, for twice `lockMs`. */
  announce(info: HostInfo): Promise<void>;
  /**
   * Removes the host from `hosts()`, and disconnects. Tasks that it still has are not reported.
   * Never rejects.
   */
  close(): Promise<void>;
}
