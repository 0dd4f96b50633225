/**
 * A task of this client: everything that is known of it. Only this file changes its state.
 *
 *   held → buffered → sending → stored ⇄ taken ⇄ waiting → reading → succeeded | failed | cancelled
 *
 * `held`: an item of a named batch, whose manifest is written or read first. `buffered`: it waits
 * for the next call of the store. `sending`: that call is not answered, so the task may be in the
 * store or not. `stored`, `taken`, `waiting`: in the store, where the last event or status says
 * so. `reading`: it has ended, and the rows of its outcome are fetched.
 *
 * Users see `held`, `buffered`, `sending` and `stored` as queued, `taken` and `reading` as running.
 */

import type { ResolvedTaskOptions } from '../../pool/options/task-options.js';
import type { Caller } from '../../pool/task/submission-stack.js';
import type { Due } from '../../shared/deadlines.js';
import type { Deferred } from '../../shared/deferred.js';
import { type Story, stepsOf, type Transitions } from '../../shared/transitions.js';
import type { StoreEvent } from '../store/types.js';
import type { EndedMessage } from '../wire/messages.js';
import type { TaskData } from '../wire/task.js';

export type TaskState = 'held' | 'buffered' | 'sending' | 'stored' | 'taken' | 'waiting' | 'reading' | Settled;
export type Settled = 'succeeded' | 'failed' | 'cancelled';

const IN_STORE = ['stored', 'taken', 'waiting', 'reading', 'succeeded', 'failed', 'cancelled'] as const;

const CLUSTER_TASK_TRANSITIONS: Transitions<TaskState> = {
  held: ['buffered', 'stored', 'failed', 'cancelled'],
  buffered: ['sending', 'failed', 'cancelled'],
  sending: ['stored', 'failed', 'cancelled'],
  stored: IN_STORE.filter((state) => state !== 'stored'),
  taken: IN_STORE.filter((state) => state !== 'taken'),
  waiting: IN_STORE.filter((state) => state !== 'waiting'),
  reading: ['stored', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
};
const STEPS = stepsOf('cluster task', CLUSTER_TASK_TRANSITIONS);

const SHOWN = {
  held: 'queued',
  buffered: 'queued',
  sending: 'queued',
  stored: 'queued',
  taken: 'running',
  waiting: 'waiting',
  reading: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  cancelled: 'cancelled',
} as const;
export type ShownState = (typeof SHOWN)[TaskState];

/** Settles a task: the functions of its promise, or of a batch. */
export interface Settler {
  resolve(value: unknown, record: ClientTask): void;
  /** `isComplete`: the error shows who submitted the task, or need not. */
  reject(error: unknown, record: ClientTask, isComplete: boolean): void;
}

/** What a host reports beside the outcome. */
export interface Ran {
  /** The started attempts, of all hosts. */
  readonly attempts: number;
  /** Milliseconds of the last one. */
  readonly ms: number;
}

/** Why and how this client ends a task. */
export interface Ending {
  readonly state: 'failed' | 'cancelled';
  /** Runs no code of the program. */
  readonly error: (isForced: boolean) => unknown;
  /** It is ended only if no host has taken it: `queueTimeoutMs` is over. */
  readonly isExpiry: boolean;
  how: 'cancel' | 'kill';
  /** The encoded reason, for the host. */
  readonly reason: string;
}

export class ClientTask implements Due {
  // of Deadlines: the time of its queueTimeoutMs
  heapIndex = -1;
  dueAt = 0;
  readonly id: string;
  /** From 1, for the story of this client. */
  readonly number: number;
  readonly name: string;
  readonly options: ResolvedTaskOptions;
  readonly settler: Settler;
  readonly submittedAt: number;
  /** The most times that it may be tried again. */
  readonly retries: number;
  /** Its outcome stays in the store when it was read. */
  readonly isKept: boolean;
  /** The size of its encoded arguments. */
  readonly bytes: number;
  /** What is added; released once the store has it. */
  data: TaskData | undefined;
  /** Undefined once it has settled. */
  caller: Caller | undefined;
  ending: Ending | undefined;
  /** Somebody else has ended it, and says why. */
  endedBy: EndedMessage | undefined;
  /** How often in a row the store had neither the task nor an outcome that is valid. */
  misses = 0;
  missedAt = 0;
  /** The last event about it, while the call that adds it is not answered. */
  early: StoreEvent | undefined;
  /** Of one that is held: it was never sent, by any client. */
  isNew = false;
  /** A host has taken it, at least once. */
  wasTaken = false;
  /** The time of the first event which said so. */
  takenAt = 0;
  /** Of the last progress that was reported. */
  attempt = 0;
  count = 0;
  /** Its queueTimeoutMs was prolonged, because this process stood still. */
  isForgiven = false;
  /** Of a task that has settled. */
  ran: Ran | undefined;
  /** Whoever ends it waits for this. */
  over: Deferred<void> | undefined;
  started: Deferred<{ readonly startedAt: number }> | undefined;
  #state: TaskState;

  constructor(
    state: 'held' | 'buffered',
    id: string,
    number: number,
    name: string,
    data: TaskData | undefined,
    retries: number,
    isKept: boolean,
    options: ResolvedTaskOptions,
    submittedAt: number,
    settler: Settler,
  ) {
    this.#state = state;
    this.id = id;
    this.number = number;
    this.name = name;
    this.data = data;
    this.bytes = data?.args.length ?? 0;
    this.retries = retries;
    this.isKept = isKept;
    this.options = options;
    this.submittedAt = submittedAt;
    this.settler = settler;
  }

  get state(): TaskState {
    return this.#state;
  }
  get shown(): ShownState {
    return SHOWN[this.#state];
  }
  get isSettled(): boolean {
    return this.#state === 'succeeded' || this.#state === 'failed' || this.#state === 'cancelled';
  }
  /** The store has it, and nothing more is known of its end. */
  get isStored(): boolean {
    return this.#state === 'stored' || this.#state === 'taken' || this.#state === 'waiting';
  }

  /** @throws EverpoolError (ERR_EVERPOOL_INTERNAL) if there is no such step */
  become(state: TaskState, story: Story): void {
    story.take('cluster task', STEPS, this.number, this.#state, state);
    this.#state = state;
  }
}
