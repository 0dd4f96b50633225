/** The store of one host, over BullMQ. */
import type { IQueueBackend } from 'bullmq';
import type { Connection, HostInfo } from '../types.js';
import { openConnection, Readiness, type StoreConnection } from './connection.js';
import { checkConnection, checkQueueName } from './connection-options.js';
import { EventReader, fieldOf } from './event-reader.js';
import { Health } from './health.js';
import { DRAIN_SECONDS, type HostWorker, openHostWorker } from './host-worker.js';
import { type BullMQ, loadBullMQ } from './peers.js';
import { HostEntry, Queues } from './queues.js';
import { isRefusal } from './refusals.js';
import type { HostStore, HostStoreListener } from './types.js';
import { within } from './waits.js';

export interface HostStoreOptions {
  readonly connection: Connection;
  /** Of the queue. */
  readonly name: string;
  /** Of the host. */
  readonly host: string;
  readonly slots: number;
  readonly lockMs: number;
  readonly checkMs: number;
  readonly keepMs: number;
  readonly connectTimeoutMs: number;
}

/** It connects at once. @throws OptionsError */
export function openHostStore(options: HostStoreOptions, listener: HostStoreListener): HostStore {
  return new BullHostStore(options, listener);
}

const WATCH_MS = 3000 * DRAIN_SECONDS;
const FAREWELL_MS = 500;
/** Of a batch that nobody has forgotten: its results are older than `keepMs` then. */
const BATCH_MS = 24 * 60 * 60 * 1000;

class BullHostStore implements HostStore {
  readonly #options: HostStoreOptions;
  readonly #listener: HostStoreListener;
  readonly #bullmq: BullMQ;
  readonly #connection: StoreConnection;
  readonly #queues: Queues;
  readonly #backend: IQueueBackend;
  readonly #messages: EventReader;
  readonly #entry: HostEntry;
  readonly #health: Health;
  readonly #readiness = new Readiness();
  #slots: number;
  #worker: HostWorker | undefined;
  /** Those that have stopped to take tasks, and still have some. */
  #former: HostWorker[] = [];
  #isPaused = false;
  #isClosed = false;
  #fetchedAt = 0;
  #cleanedAt = Number.NEGATIVE_INFINITY;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: HostStoreOptions, listener: HostStoreListener) {
    const target = checkConnection('connection', options.connection);
    checkQueueName('name', options.name);
    this.#options = options;
    this.#listener = listener;
    this.#slots = options.slots;
    this.#bullmq = loadBullMQ();
    this.#health = new Health(listener, () => this.#backend.getQueueMetaField('version'));
    const onError = (error: unknown): void => this.#failed(error);
    this.#connection = openConnection(target, 'host', onError);
    this.#queues = new Queues(this.#bullmq, options.name, this.#connection, onError);
    this.#backend = this.#queues.tasks.getBackend();
    this.#entry = new HostEntry(this.#queues.control);
    this.#messages = new EventReader(this.#bullmq, this.#queues.controlName, this.#connection.factory, (error) => this.#unreadable(error));
    this.#messages.on('end', (fields) => listener.onEnd(fieldOf(fields, 'message')));
  }

  ready(): Promise<void> {
    return this.#readiness.reach(async () => {
      await this.#connection.connect();
      await this.#queues.describe();
      await this.#backend.isFinished('-');
      await this.#messages.reads(this.#queues.control);
    }, this.#options.connectTimeoutMs);
  }

  start(): void {
    if (this.#isClosed || this.#worker !== undefined) return;
    this.#replaceWorker();
    this.#watch = setInterval(() => this.#checkFetching(), WATCH_MS);
  }

  pause(): void {
    this.#isPaused = true;
    this.#worker?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#fetchedAt = performance.now();
    this.#worker?.resume();
  }

  setSlots(slots: number): void {
    this.#slots = slots;
    this.#shareSlots();
  }

  async addRows(id: string, rows: readonly string[]): Promise<void> {
    // One after the other, because PostgreSQL numbers them.
    for (const row of rows) await this.#call(this.#backend.addLog(id, row));
  }

  publishProgress(id: string, message: string): Promise<void> {
    return this.#call(this.#backend.updateProgress(id, message));
  }

  async announce(info: HostInfo): Promise<void> {
    await this.#call(this.#entry.write(info, 2 * this.#options.lockMs));
    await this.#cleanBatches();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#watch);
    this.#readiness.close();
    this.#health.close();
    this.#messages.close();
    const workers = [this.#worker, ...this.#former].map((worker) => worker?.close());
    await within(FAREWELL_MS, Promise.all([...workers, this.#entry.remove()]));
    await this.#connection.close();
  }

  // ---- the worker

  #replaceWorker(): void {
    const listener = this.#listener;
    this.#fetchedAt = performance.now();
    this.#worker = openHostWorker(
      this.#bullmq,
      this.#connection.factory,
      { ...this.#options, slots: this.#freeSlots() },
      {
        onTask: (task) => listener.onTask(task),
        onReported: (id, isDone) => {
          listener.onReported(id, isDone);
          this.#shareSlots();
        },
        onRenewed: (ids, askedAt) => listener.onRenewed(ids, askedAt),
        onLost: (ids) => listener.onLost(ids),
        onFetch: () => {
          this.#fetchedAt = performance.now();
        },
        onStoreError: (error) => this.#failed(error),
      },
    );
    if (this.#isPaused) this.#worker.pause();
    else this.#worker.start();
  }

  #freeSlots(): number {
    return Math.max(1, this.#slots - this.#former.reduce((sum, { load }) => sum + load, 0));
  }

  #shareSlots(): void {
    for (const worker of this.#former) if (worker.load === 0) void worker.close();
    this.#former = this.#former.filter(({ load }) => load > 0);
    this.#worker?.setSlots(this.#freeSlots());
  }

  /** A worker of BullMQ may stop to fetch after the store was away. Then another one takes over. */
  async #checkFetching(): Promise<void> {
    const worker = this.#worker;
    const mayFetch = (): boolean =>
      !this.#isPaused && !this.#isClosed && worker === this.#worker && performance.now() - this.#fetchedAt >= WATCH_MS;
    if (worker === undefined || !mayFetch() || worker.load >= this.#freeSlots()) return;
    try {
      const [wait = 0, prioritized = 0] = await this.#backend.getCounts(['wait', 'prioritized']);
      if (wait + prioritized === 0 || !mayFetch()) return;
    } catch (error) {
      this.#failed(error);
      return;
    }
    worker.pause();
    this.#former.push(worker);
    this.#replaceWorker();
    this.#shareSlots();
  }

  async #cleanBatches(): Promise<void> {
    const now = performance.now();
    const ageMs = Math.max(this.#options.keepMs, BATCH_MS);
    if (now - this.#cleanedAt < ageMs / 10) return;
    this.#cleanedAt = now;
    await this.#call(this.#queues.batches.clean(ageMs, 1000, 'wait'));
  }

  // ---- errors

  async #call<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (!isRefusal(error)) this.#failed(error);
      throw error;
    }
  }

  #failed(error: unknown): void {
    this.#readiness.saw(error);
    this.#health.failed(error);
  }

  #unreadable(error: unknown): void {
    if (error instanceof SyntaxError) this.#health.odd(error);
    else this.#failed(error);
  }
}
