/** The way of one client to the store: it takes time, and loses calls, answers and events. */
import type { ClientStore, ClientStoreListener, NewTask, StoredTask, StoreEvent, TaskStatus } from '../../../src/cluster/store/types.js';
import type { HostInfo } from '../../../src/cluster/types.js';
import type { Random } from '../../../src/testing/random.js';
import { ConnectionLost, type SimQueue } from './sim-queue.js';
import type { VirtualClock } from './virtual-clock.js';

export interface Faults {
  readonly latencyMs: number;
  /** Probabilities. */
  readonly loseCall: number;
  readonly loseAnswer: number;
  readonly loseEvent: number;
  readonly doubleEvent: number;
  readonly lateEvent: number;
  readonly lateMs: number;
}

export const NO_FAULTS: Faults = { latencyMs: 2, loseCall: 0, loseAnswer: 0, loseEvent: 0, doubleEvent: 0, lateEvent: 0, lateMs: 0 };

type Method = keyof ClientStore;

export class SimClientStore implements ClientStore {
  faults: Faults;
  /** The store is away: calls are rejected, or with `isSilent` never answered until it is back. */
  isAway = false;
  isSilent = false;
  /** Its client has died: nothing reaches it, and nothing comes from it. */
  isDead = false;
  /** The calls, by their names. */
  readonly calls: Map<string, number> = new Map();
  /** A test may replace a call by an error. */
  onCall: (method: Method, args: readonly unknown[]) => Error | undefined = () => undefined;
  readonly #queue: SimQueue;
  readonly #clock: VirtualClock;
  readonly #random: Random;
  readonly #listener: ClientStoreListener;
  #waiting: (() => void)[] = [];
  readonly #hear = (event: StoreEvent): void => this.#onEvent(event);

  constructor(queue: SimQueue, clock: VirtualClock, random: Random, listener: ClientStoreListener, faults: Faults) {
    this.#queue = queue;
    this.#clock = clock;
    this.#random = random;
    this.#listener = listener;
    this.faults = faults;
    queue.listeners.add(this.#hear);
  }

  /** The store answers again. */
  recover(): void {
    this.isAway = false;
    this.isSilent = false;
    for (const go of this.#waiting.splice(0)) go();
    this.#listener.onRecovered();
  }

  die(): void {
    this.isDead = true;
    this.#queue.listeners.delete(this.#hear);
  }

  // ---- events

  #onEvent(event: StoreEvent): void {
    const { loseEvent, doubleEvent, lateEvent, lateMs, latencyMs } = this.faults;
    const random = this.#random;
    if (this.isAway || random.chance(loseEvent)) return;
    this.deliver(event, random.chance(lateEvent) ? random.between(0, lateMs) : random.skewed(latencyMs));
    if (random.chance(doubleEvent)) this.deliver(event, random.between(0, 3000));
  }

  deliver(event: StoreEvent, delayMs: number): void {
    this.#clock.setTimer(() => {
      if (!this.isDead) this.#listener.onEvent(event);
    }, delayMs);
  }

  // ---- calls

  async #call<T>(method: Method, args: readonly unknown[], act: () => T): Promise<T> {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    const { latencyMs, loseCall, loseAnswer } = this.faults;
    const random = this.#random;
    await this.#clock.sleep(random.skewed(latencyMs));
    await this.#whenThere();
    const given = this.onCall(method, args);
    if (given !== undefined) throw given;
    if (random.chance(loseCall)) return this.#fail();
    const answer = act();
    await this.#clock.sleep(random.skewed(latencyMs));
    if (random.chance(loseAnswer)) return this.#fail();
    await this.#whenThere();
    return answer;
  }

  async #whenThere(): Promise<void> {
    while (this.isDead) await new Promise(() => undefined);
    if (!this.isAway) return;
    if (!this.isSilent) return this.#fail();
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
    });
    return this.#whenThere();
  }

  #fail(): never {
    const error = new ConnectionLost('the connection is lost');
    this.#listener.onError(error);
    throw error;
  }

  ready(): Promise<void> {
    return this.#call('ready', [], () => undefined);
  }
  async add(tasks: readonly NewTask[]): Promise<void> {
    await this.#call('add', [tasks], () => this.#queue.add(tasks));
    for (const { id } of tasks) this.#queue.ledger.answered.add(id);
  }
  remove(id: string): Promise<'removed' | 'taken' | 'missing'> {
    return this.#call('remove', [id], () => this.#queue.remove(id));
  }
  discard(ids: readonly string[]): Promise<void> {
    return this.#call('discard', [ids], () => this.#queue.discard(ids));
  }
  statuses(ids: readonly string[]): Promise<TaskStatus[]> {
    return this.#call('statuses', [ids], () => ids.map((id) => this.#queue.status(id)));
  }
  read(ids: readonly string[]): Promise<(StoredTask | undefined)[]> {
    return this.#call('read', [ids], () => ids.map((id) => this.#queue.read(id)));
  }
  heads(ids: readonly string[]): Promise<(string | undefined)[]> {
    return this.#call('heads', [ids], () => ids.map((id) => this.#queue.jobs.get(id)?.data.head));
  }
  rows(id: string): Promise<readonly string[]> {
    return this.#call('rows', [id], () => [...(this.#queue.jobs.get(id)?.rows ?? [])]);
  }
  async *unfinished(): AsyncIterable<StoredTask> {
    const all = await this.#call('unfinished', [], () => [...this.#queue.jobs.values()]);
    for (const { id, state, data, wasTaken } of all) {
      if (state === 'queued') yield { id, data, status: { state: 'unfinished', as: 'queued' }, wasTaken };
      else if (state === 'active') yield { id, data, status: { state: 'unfinished', as: 'running' }, wasTaken };
      else if (state === 'delayed') yield { id, data, status: { state: 'unfinished', as: 'waiting' }, wasTaken };
    }
  }
  publishEnd(message: string): Promise<void> {
    return this.#call('publishEnd', [message], () => {
      for (const host of this.#queue.hosts) host.onEnd(message);
    });
  }
  publishEnded(message: string): Promise<void> {
    return this.#call('publishEnded', [message], () => this.#queue.emit({ kind: 'ended', message }));
  }
  counts(): Promise<{ queued: number; running: number; waiting: number; kept: number }> {
    return this.#call('counts', [], () => {
      const count = (...states: string[]): number => [...this.#queue.jobs.values()].filter(({ state }) => states.includes(state)).length;
      return { queued: count('queued'), running: count('active'), waiting: count('delayed'), kept: count('completed', 'failed') };
    });
  }
  hosts(): Promise<HostInfo[]> {
    return this.#call('hosts', [], () => [...this.#queue.hosts].map(({ name, slots }) => ({ name, slots })));
  }
  createBatch(id: string, text: string): Promise<string> {
    return this.#call('createBatch', [id], () => {
      const known = this.#queue.batches.get(id);
      if (known === undefined) this.#queue.batches.set(id, text);
      return known ?? text;
    });
  }
  readBatch(id: string): Promise<string | undefined> {
    return this.#call('readBatch', [id], () => this.#queue.batches.get(id));
  }
  updateBatch(id: string, text: string): Promise<void> {
    return this.#call('updateBatch', [id, text], () => {
      this.#queue.batches.set(id, text);
    });
  }
  removeBatch(id: string): Promise<void> {
    return this.#call('removeBatch', [id], () => {
      this.#queue.batches.delete(id);
    });
  }
  async close(): Promise<void> {
    this.die();
  }
}
