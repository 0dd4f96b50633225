/**
 * The connections of one client or of one host: as few as BullMQ can do with. Redis: one for
 * commands, and one for each thing that blocks. PostgreSQL: one pool, and one that listens.
 */
import type { BackendFactory, IQueueBackend } from 'bullmq';
import { StoreError } from '../errors.js';
import type { Target } from './connection-options.js';
import { openPostgres } from './postgres.js';
import { openRedis } from './redis.js';
import { messageOf, storeErrorOf } from './refusals.js';
import { pause } from './waits.js';

export type Role = 'client' | 'host';

export interface StoreConnection {
  /** Makes the backends of BullMQ's classes. They do not own their connection. */
  readonly factory: BackendFactory;
  /** Resolves when the store has answered and is fit. Rejects as soon as it does not answer. */
  connect(): Promise<void>;
  /** A task that is taken, or missing, or finished, is left alone: see `ClientStore.remove`. */
  remove(backend: IQueueBackend, id: string): Promise<'removed' | 'taken' | 'missing'>;
  /** Removes finished tasks, without an event. */
  discard(backend: IQueueBackend, ids: readonly string[]): Promise<void>;
  /** In the order of the ids; each as `isFinished` of BullMQ. */
  statuses(backend: IQueueBackend, ids: readonly string[]): Promise<(readonly [code: number, value: unknown])[]>;
  /** In the order of the ids: the field `head` of the data of each, or anything else. */
  heads(backend: IQueueBackend, ids: readonly string[]): Promise<unknown[]>;
  /** Makes what adding to these queues needs, for a role that may not create it. */
  prepare(queues: readonly string[]): Promise<void>;
  /** How many calls are worth to be under way at once. */
  readonly breadth: number;
  /** Never rejects, and takes two seconds at most. */
  close(): Promise<void>;
}

/** @param onError receives each error of a connection, also while it connects */
export function openConnection(target: Target, role: Role, onError: (error: unknown) => void): StoreConnection {
  return target.kind === 'redis' ? openRedis(target, role, onError) : openPostgres(target, role, onError);
}

const RETRY_MS = 250;

/** Repeats the steps until they succeed, the store refuses, or the time is over. */
export class Readiness {
  #lastError: unknown;
  /** Of those that wait. */
  readonly #ends = new Set<(error: StoreError) => void>();

  /** An error of a connection. */
  saw(error: unknown): void {
    this.#lastError = error;
    const refusal = storeErrorOf(error);
    if (refusal !== undefined) this.#end(refusal);
  }

  /** Nobody waits any more. */
  close(): void {
    this.#end(new StoreError('the store was closed before it was ready'));
  }

  #end(error: StoreError): void {
    for (const end of this.#ends) end(error);
  }

  /** @throws StoreError */
  async reach(steps: () => Promise<void>, timeoutMs: number): Promise<void> {
    let isOver = false;
    let end = (_error: StoreError): void => undefined;
    const failure = new Promise<never>((_resolve, reject) => (end = reject));
    this.#ends.add(end);
    const timer = setTimeout(() => end(this.#late(timeoutMs)), Math.min(timeoutMs, 2 ** 31 - 1));
    try {
      await Promise.race([failure, this.#repeat(steps, () => isOver)]);
    } finally {
      isOver = true;
      clearTimeout(timer);
      this.#ends.delete(end);
    }
  }

  async #repeat(steps: () => Promise<void>, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      try {
        await steps();
        return;
      } catch (error) {
        this.saw(error);
        await pause(RETRY_MS); // the timer of `reach` keeps the process alive
      }
    }
  }

  #late(timeoutMs: number): StoreError {
    const why = this.#lastError === undefined ? 'it did not answer' : messageOf(this.#lastError);
    return new StoreError(`the store is not ready after ${timeoutMs} ms: ${why}`, { cause: this.#lastError });
  }
}
