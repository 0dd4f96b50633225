/**
 * A host: takes tasks from the store, runs them in its local pool, and reports how they ended. It
 * owns the tasks that it has taken; what becomes of each is decided in task-run.ts.
 */

import type { Pool } from '../../pool/pool.js';
import { deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import type { Clock, Timer } from '../../shared/platform.js';
import { isAborted, offAbort, onAbort, reasonOf } from '../../shared/signals.js';
import { Story } from '../../shared/transitions.js';
import { Listeners } from '../listeners.js';
import type { HostStore, HostStoreListener, IsRefusal, Report, TakenTask } from '../store/types.js';
import type { Host, HostEvents } from '../types.js';
import { Seals } from '../wire/seal.js';
import { readEndWithReason } from './end-reason.js';
import { Fence } from './fence.js';
import type { Given, HostContext } from './host-context.js';
import { type ResolvedServeOptions, readCloseOptions } from './host-options.js';
import { HOST_STEPS, type HostState, shownState } from './host-state.js';
import type { ServingPool } from './local-pool.js';
import { mayRun } from './taken-state.js';
import { TaskRun } from './task-run.js';

/** After the kill ladder, for the reports of what was killed. */
const REPORT_MS = 1000;
/** How long the store may take to disconnect. */
const DISCONNECT_MS = 3000;

export interface HostPlatform {
  readonly clock: Clock;
  /** Milliseconds since the Unix epoch. */
  epochNow(): number;
  openStore(listener: HostStoreListener): HostStore;
  readonly isRefusal: IsRefusal;
}

export class HostCore implements Host, HostContext, HostStoreListener {
  readonly options: ResolvedServeOptions;
  readonly seals: Seals;
  readonly store: HostStore;
  readonly clock: Clock;
  readonly story: Story;
  readonly fence: Fence<TaskRun>;
  readonly isRefusal: IsRefusal;
  readonly epochNow: () => number;
  readonly #pool: ServingPool;
  readonly #listeners: Listeners<HostEvents>;
  readonly #closed = deferred<void>();
  /** All that it has taken, and that are not over. */
  readonly #runs = new Set<TaskRun>();
  /** The last one of each id: a task whose lock was lost may come back while it is killed. */
  readonly #byId = new Map<string, TaskRun>();
  #lost: string[] = [];
  #state: HostState = 'starting';
  #count = 0;
  #drainBy = Number.POSITIVE_INFINITY;
  #drainTimer: Timer | undefined;
  #announceTimer: Timer | undefined;
  #isAnnouncing = false;
  readonly #onAbort = (): void => void this.close().catch(ignore);

  /** @throws OptionsError for a connection that cannot be */
  constructor(options: ResolvedServeOptions, pool: ServingPool, platform: HostPlatform) {
    this.options = options;
    this.#pool = pool;
    this.clock = platform.clock;
    this.epochNow = platform.epochNow;
    this.isRefusal = platform.isRefusal;
    this.seals = new Seals(options.secret);
    this.story = new Story(options.host);
    this.fence = new Fence(platform.clock, options.lockMs, (run) => this.lose(run));
    this.#listeners = new Listeners(platform.clock, ['taskTaken', 'taskGiven', 'fenced', 'storeError', 'recovered']);
    this.store = platform.openStore(this);
    this.#closed.promise.catch(ignore); // for those who do not wait for it
  }

  /** Resolves once it takes tasks. Otherwise nothing of it is left. */
  async start(): Promise<void> {
    const { signal } = this.options;
    const aborted = deferred<never>();
    const onStop = (): void => aborted.reject(signal === undefined ? undefined : reasonOf(signal));
    if (signal !== undefined && isAborted(signal)) onStop();
    else if (signal !== undefined) onAbort(signal, onStop);
    try {
      await Promise.race([aborted.promise, Promise.all([this.store.ready(), this.#pool.ready()])]);
    } catch (error) {
      this.#become('leaving');
      await Promise.all([this.#within(DISCONNECT_MS, this.store.close()), this.#pool.kill().catch(ignore)]);
      this.#become('closed');
      throw error;
    } finally {
      if (signal !== undefined) offAbort(signal, onStop);
    }
    this.#open();
  }

  #open(): void {
    const { signal } = this.options;
    this.#become('open');
    this.clock.hold();
    this.#pool.onResized = () => this.#resized();
    this.#pool.on('broken', () => this.onPoolAway());
    this.#pool.on('recovered', () => {
      if (this.#state === 'open') this.store.resume();
    });
    this.#pool.on('closed', () => this.onPoolAway());
    this.store.setSlots(this.slots);
    this.store.start();
    this.#announce();
    if (signal === undefined) return;
    onAbort(signal, this.#onAbort);
    if (isAborted(signal)) this.#onAbort();
  }

  // ---- what users see

  get id(): string {
    return this.options.host;
  }
  get slots(): number {
    return this.#pool.slots;
  }
  get state(): Host['state'] {
    return shownState(this.#state);
  }
  get running(): readonly string[] {
    return [...this.#runs].filter((run) => mayRun(run.state)).map((run) => run.id);
  }
  get pool(): Pool & ServingPool {
    return this.#pool as Pool & ServingPool;
  }

  on<E extends keyof HostEvents>(event: E, listener: (payload: HostEvents[E]) => void): this {
    this.#listeners.on(event, listener);
    return this;
  }
  off<E extends keyof HostEvents>(event: E, listener: (payload: HostEvents[E]) => void): this {
    this.#listeners.off(event, listener);
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // ---- the end

  /** The first call drains; each later one can only shorten it. */
  close(options?: { drainMs?: number }): Promise<void> {
    const { drainMs = this.options.drainMs } = readCloseOptions(options);
    if (this.#state === 'open') {
      this.#become('draining');
      this.store.pause();
      for (const run of this.#runs) run.takeBack();
    }
    const by = this.clock.now() + drainMs;
    if (this.#state === 'draining' && by < this.#drainBy) {
      this.#drainBy = by;
      this.#setTimer(() => this.#killRest(), drainMs);
      this.#leaveIfEmpty();
    }
    return this.#closed.promise;
  }

  #killRest(): void {
    this.#become('killing');
    for (const run of this.#runs) run.killForDrain();
    this.#setTimer(() => this.#leave(), this.#pool.ladderMs + REPORT_MS);
    this.#leaveIfEmpty();
  }

  #leaveIfEmpty(): void {
    if (this.#runs.size === 0 && (this.#state === 'draining' || this.#state === 'killing')) this.#leave();
  }

  #leave(): void {
    this.#become('leaving');
    if (this.#drainTimer !== undefined) this.clock.clearTimer(this.#drainTimer);
    if (this.#announceTimer !== undefined) this.clock.clearTimer(this.#announceTimer);
    this.fence.stop();
    const { signal } = this.options;
    if (signal !== undefined) offAbort(signal, this.#onAbort);
    Promise.all([this.#within(DISCONNECT_MS, this.store.close()), this.#pool.terminate()])
      .finally(() => {
        this.#become('closed');
        this.clock.release();
      })
      .then(() => this.#closed.resolve(), this.#closed.reject);
  }

  #setTimer(callback: () => void, delayMs: number): void {
    if (this.#drainTimer !== undefined) this.clock.clearTimer(this.#drainTimer);
    this.#drainTimer = this.clock.setTimer(callback, delayMs);
  }

  async #within(limitMs: number, promise: Promise<void>): Promise<void> {
    const late = deferred<void>();
    const timer = this.clock.setTimer(() => late.resolve(), limitMs);
    await Promise.race([promise, late.promise]);
    this.clock.clearTimer(timer);
  }

  // ---- HostStoreListener

  async onTask(taken: TakenTask): Promise<Report> {
    const run = new TaskRun(this, ++this.#count, taken);
    const before = this.#byId.get(taken.id);
    if (before !== undefined) {
      this.lose(before);
      before.reported(false);
    }
    this.#runs.add(run);
    this.#byId.set(run.id, run);
    if (this.#state !== 'open') run.takeBack();
    return await run.run(before?.ended);
  }

  onReported(id: string, isDone: boolean): void {
    this.#byId.get(id)?.reported(isDone);
  }

  onRenewed(ids: readonly string[], askedAt: number): void {
    for (const id of ids) this.#byId.get(id)?.renewed(askedAt);
  }

  onLost(ids: readonly string[]): void {
    for (const id of ids) {
      const run = this.#byId.get(id);
      if (run !== undefined) this.lose(run);
    }
  }

  onEnd(message: unknown): void {
    const end = readEndWithReason(message, this.seals, (id) => this.#byId.has(id));
    if (end !== undefined) this.#byId.get(end.id)?.end(end.how, end.reason);
  }

  onError(error: Error): void {
    this.#listeners.emit('storeError', { error });
  }
  onRecovered(): void {
    this.#listeners.emit('recovered', {});
  }

  // ---- HostContext

  onTaken({ id, read, attempt }: TaskRun): void {
    if (read === undefined) return;
    const { name, tag } = read.head;
    this.#listeners.emit('taskTaken', { id, name, attempt, ...(tag === undefined ? {} : { tag }) });
  }

  lose(run: TaskRun): void {
    if (!run.lose() || this.#lost.push(run.id) > 1) return;
    this.clock.soon(() => {
      const ids = this.#lost;
      this.#lost = [];
      this.#listeners.emit('fenced', { ids });
    });
  }

  /** It takes nothing while its pool starts nothing: what it took would come back to it at once. */
  onPoolAway(): void {
    if (this.#state !== 'open' || this.#pool.isOpen) return;
    if (this.#pool.state === 'broken') this.store.pause();
    else void this.close().catch(ignore);
  }

  onGiven(run: TaskRun, outcome: Given): void {
    this.#runs.delete(run);
    if (this.#byId.get(run.id) === run) this.#byId.delete(run.id);
    this.#listeners.emit('taskGiven', { id: run.id, outcome, ms: run.ms });
    this.#leaveIfEmpty();
  }

  // ---- the host as others see it

  #resized(): void {
    this.store.setSlots(this.slots);
    this.#announce();
  }

  #announce(): void {
    if (this.#announceTimer !== undefined) this.clock.clearTimer(this.#announceTimer);
    if (this.#state === 'leaving' || this.#state === 'closed') return;
    this.#announceTimer = this.clock.setTimer(() => this.#announce(), this.options.lockMs / 2);
    if (this.#isAnnouncing) return; // the store is away
    this.#isAnnouncing = true;
    const end = (): void => {
      this.#isAnnouncing = false;
    };
    this.store.announce({ name: this.id, slots: this.slots }).then(end, end);
  }

  #become(to: HostState): void {
    this.story.take('host', HOST_STEPS, 0, this.#state, to);
    this.#state = to;
  }
}
