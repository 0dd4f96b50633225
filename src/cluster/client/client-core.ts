/**
 * The parts of one client, and what they share: the tasks that are pending, and the calls of the
 * store, which are repeated until they are answered.
 *
 *   Cluster.run · map
 *     │ submit
 *     ▼
 *   Sender ──── add ───────────► store ──── events ────► Hints ───┐
 *                                  │                              ▼
 *                                  └─── statuses, rows ─► Sweep ► Outcomes ──► Settlement
 *   cancel, kill, queueTimeoutMs ──► Endings ── remove, publishEnd ──► store         ▲
 *                                       └────────────────────────────────────────────┘
 */
import { AbortSignals } from '../../pool/abort-signals.js';
import type { ResolvedTaskOptions } from '../../pool/options/task-options.js';
import { Waiters } from '../../pool/waiters.js';
import { Deadlines } from '../../shared/deadlines.js';
import { PoolClosedError, QueueFullError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import type { Clock } from '../../shared/platform.js';
import { guarded, reportThrown } from '../../shared/program.js';
import { Story } from '../../shared/transitions.js';
import { Listeners } from '../listeners.js';
import type { ClientStore, ClientStoreListener, IsRefusal } from '../store/types.js';
import type { ClusterEvents, HostInfo } from '../types.js';
import { Seals } from '../wire/seal.js';
import type { TaskData } from '../wire/task.js';
import type { ResolvedClusterOptions } from './client-options.js';
import { Discards } from './discards.js';
import { Endings } from './endings.js';
import { Hints } from './hints.js';
import { Outcomes } from './outcomes.js';
import { Sender } from './sender.js';
import { Settlement } from './settlement.js';
import { Sweep } from './sweep.js';
import { ClientTask, type Settler } from './task-record.js';

/** What a client touches of the outside world. */
export interface ClientPlatform {
  readonly clock: Clock;
  /** Unique among all clients, for the ids of tasks. */
  readonly clientId: string;
  readonly isRefusal: IsRefusal;
  connect(listener: ClientStoreListener): ClientStore;
}

export type ClientState = 'open' | 'closing' | 'closed';

/** Between two calls of a store that does not answer. */
const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 1000;
/** How long the number of slots of all hosts is believed. */
const SLOTS_MS = 5000;

export class ClientCore {
  readonly options: ResolvedClusterOptions;
  readonly clock: Clock;
  readonly clientId: string;
  readonly isRefusal: IsRefusal;
  readonly store: ClientStore;
  readonly seals: Seals;
  readonly events: Listeners<ClusterEvents>;
  readonly waiters: Waiters;
  readonly story: Story;
  readonly deadlines: Deadlines<ClientTask>;
  readonly signals: AbortSignals<ClientTask>;
  readonly settlement: Settlement;
  readonly endings: Endings;
  readonly outcomes: Outcomes;
  readonly sender: Sender;
  readonly hints: Hints;
  readonly sweep: Sweep;
  readonly discards: Discards;
  /** Every task that has not settled, by its id. */
  readonly pending: Map<string, ClientTask> = new Map();
  readonly counts: Record<'submitted' | 'succeeded' | 'failed' | 'cancelled' | 'byEvent' | 'bySweep', number> = {
    submitted: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    byEvent: 0,
    bySweep: 0,
  };
  /** The last error of the connection. */
  lastError: unknown;
  /** When the store answered last. */
  answeredAt: number;
  #state: ClientState = 'open';
  #how = 'is open';
  /** While there is one, the process stays alive. */
  #holds = 0;
  #lastNumber = 0;
  /** Wakes those that wait to call the store again. */
  readonly #paused = new Set<() => void>();
  #slots: { readonly count: number; readonly at: number } | undefined;

  constructor(options: ResolvedClusterOptions, { clock, clientId, isRefusal, connect }: ClientPlatform) {
    this.options = options;
    this.clock = clock;
    this.clientId = clientId;
    this.isRefusal = isRefusal;
    this.answeredAt = clock.now();
    this.seals = new Seals(options.secret);
    this.events = new Listeners(clock, ['taskSettled', 'storeError', 'recovered', 'closed']);
    this.waiters = new Waiters(clock);
    this.story = new Story(options.name);
    this.settlement = new Settlement(this);
    this.endings = new Endings(this);
    this.outcomes = new Outcomes(this);
    this.sender = new Sender(this);
    this.hints = new Hints(this);
    this.sweep = new Sweep(this);
    this.discards = new Discards(this);
    this.deadlines = new Deadlines<ClientTask>(clock, (record) => this.endings.onDeadline(record));
    this.signals = new AbortSignals<ClientTask>((record, reason) => this.endings.abort(record, reason));
    this.store = connect({
      awaits: (id) => this.pending.has(id),
      onEvent: (event) => guarded('an event of the store', () => this.hints.onEvent(event)),
      onError: (error) => this.#onError(error),
      onRecovered: () => this.#onRecovered(),
    });
  }

  // ---- its life

  get state(): ClientState {
    return this.#state;
  }
  /** open → closing → closed. Errors say `how`, after the name. */
  become(state: 'closing' | 'closed', how: string): void {
    this.#state = state;
    this.#how = how;
    if (state === 'closed') {
      this.wake();
      if (this.#holds > 0) this.clock.release();
    }
    this.waiters.check();
  }

  /** The error of a task submitted now; undefined if it is accepted. */
  refusal(): Error | undefined {
    const { name, pendingLimit } = this.options;
    if (this.#state !== 'open') return this.closedError(': it accepts no more tasks');
    if (this.pending.size < pendingLimit) return undefined;
    return new QueueFullError(`the cluster '${name}' has ${pendingLimit} pending tasks: pendingLimit; room() resolves once a task fits`);
  }

  closedError(what = ''): PoolClosedError {
    return new PoolClosedError(`the cluster '${this.options.name}' ${this.#how}${what}`);
  }

  /** Resolves once nothing is pending, and no batch under way submits more immediately. */
  idle(): Promise<void> {
    let hasLasted = false;
    let isChecking = false;
    return this.waiters.until(() => {
      if (this.pending.size > 0 || hasLasted || isChecking) return hasLasted && this.pending.size === 0;
      isChecking = true;
      this.clock.afterPoll(() => {
        isChecking = false;
        hasLasted = this.pending.size === 0;
        if (hasLasted) this.waiters.check();
      });
      return false;
    });
  }

  /** Keeps the process alive until `release`, or until the client has closed. */
  hold(): void {
    if (++this.#holds === 1 && this.#state !== 'closed') this.clock.hold();
  }
  release(): void {
    if (--this.#holds === 0 && this.#state !== 'closed') this.clock.release();
  }

  // ---- its tasks

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Takes a task on. Whoever calls has to pass it on: to the sender, or as stored. */
  take(
    state: 'held' | 'buffered',
    id: string,
    name: string,
    data: TaskData | undefined,
    retries: number,
    isKept: boolean,
    options: ResolvedTaskOptions,
    settler: Settler,
  ): ClientTask {
    const record = new ClientTask(state, id, this.nextNumber(), name, data, retries, isKept, options, this.clock.now(), settler);
    this.hold();
    this.pending.set(record.id, record);
    this.counts.submitted += 1;
    if (options.queueTimeoutMs !== undefined) this.deadlines.set(record, record.submittedAt + options.queueTimeoutMs);
    if (options.signal !== undefined) this.signals.watch(options.signal, record);
    return record;
  }

  /** The task has settled. */
  forget(record: ClientTask): void {
    this.deadlines.clear(record);
    if (record.options.signal !== undefined) this.signals.unwatch(record.options.signal, record);
    this.sweep.drop(record);
    if (this.pending.delete(record.id)) this.release();
    this.waiters.check();
  }

  // ---- the calls of the store

  /**
   * Repeats the call until the store answers it, and keeps the process alive meanwhile. Rejects
   * when the client has closed.
   */
  async ask<T>(call: () => Promise<T>): Promise<T> {
    this.hold();
    try {
      for (let delay = FIRST_DELAY_MS; ; delay = Math.min(2 * delay, LONGEST_DELAY_MS)) {
        try {
          return await this.askOnce(call);
        } catch (error) {
          if (this.#state === 'closed') throw error;
          await this.pause(delay);
        }
      }
    } finally {
      this.release();
    }
  }

  /** Rejects when the client has closed, or with the error of the call. */
  async askOnce<T>(call: () => Promise<T>): Promise<T> {
    if (this.#state === 'closed') throw this.closedError();
    try {
      const answer = await call();
      this.answeredAt = this.clock.now();
      return answer;
    } catch (error) {
      this.lastError = error;
      if (this.isRefusal(error)) {
        this.answeredAt = this.clock.now();
        this.events.emit('storeError', { error: error as Error });
      }
      throw error;
    }
  }

  /** Resolves after that time, or when the store answers again, or when the client closes. */
  pause(delayMs: number): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#paused.delete(wake);
        this.clock.clearTimer(timer);
        resolve();
      };
      const timer = this.clock.setTimer(wake, delayMs);
      this.#paused.add(wake);
    });
  }

  wake(): void {
    for (const wake of [...this.#paused]) wake();
  }

  /** Work that `close` waits for. */
  unfinished = 0;

  /** As `run`, and `close` waits for it. */
  finish(what: string, work: () => Promise<unknown>): void {
    this.unfinished += 1;
    this.run(what, () =>
      work().finally(() => {
        this.unfinished -= 1;
        this.waiters.check();
      }),
    );
  }

  /** Runs what nobody waits for. It ends early when the client closes. */
  run(what: string, work: () => Promise<unknown>): void {
    this.hold();
    work()
      .catch((error: unknown) => {
        if (this.#state !== 'closed') reportThrown(what, error);
      })
      .finally(() => this.release());
  }

  #onError(error: Error): void {
    this.lastError = error;
    this.events.emit('storeError', { error });
  }

  #onRecovered(): void {
    this.events.emit('recovered', {});
    this.wake();
    this.sweep.soon();
  }

  // ---- the hosts

  hosts(): Promise<HostInfo[]> {
    return this.ask(() => this.store.hosts());
  }

  /** The slots of all hosts, as far as it is known; it is asked for now and then. */
  get slots(): number {
    const now = this.clock.now();
    if (this.#slots === undefined || now - this.#slots.at > SLOTS_MS) {
      const count = this.#slots?.count ?? 0;
      this.#slots = { count, at: now };
      this.askOnce(() => this.store.hosts()).then((hosts) => {
        this.#slots = { count: hosts.reduce((sum, { slots }) => sum + (Number.isSafeInteger(slots) ? slots : 0), 0), at: this.clock.now() };
        this.waiters.check();
      }, ignore); // asked again later
    }
    return this.#slots.count;
  }
}
