/**
 * A pool's core as a batch sees it: it records what is submitted, which settles when the test says
 * so.
 */

import { decode } from '../../src/ipc/codec/codec.js';
import type { Batch } from '../../src/pool/batch/batch.js';
import { createBatch } from '../../src/pool/batch/map.js';
import type { BatchTask } from '../../src/pool/batch/submitter.js';
import { Events } from '../../src/pool/events.js';
import { resolveTaskDefaults } from '../../src/pool/options/task-options.js';
import type { PoolCore } from '../../src/pool/pool-core.js';
import type { Settler } from '../../src/pool/task/task-record.js';
import type { MapOptions } from '../../src/pool/types.js';
import { Waiters } from '../../src/pool/waiters.js';
import { PoolClosedError, TaskCancelledError } from '../../src/shared/errors.js';
import { MemoryJournals } from './journal.js';

export interface FakeRecord extends BatchTask {
  readonly item: unknown;
  readonly settler: Settler;
  readonly options: { readonly signal: AbortSignal | undefined };
  isSettled: boolean;
  whenOver: Promise<void>;
  over: () => void;
}

export class FakeCore {
  holds = 0;
  /**
   * If false, no time passes, so that a turn reads as much input as it may, however slow the
   * machine is.
   */
  timePasses = false;
  timers = new Set<unknown>();
  readonly clock = {
    now: () => (this.timePasses ? performance.now() : 0),
    epoch: 0,
    setTimer: (callback: () => void, delayMs: number) => {
      const onDue = (): void => {
        this.timers.delete(timer);
        callback();
      };
      const timer = { timer: setTimeout(onDue, delayMs) };
      this.timers.add(timer);
      return timer;
    },
    clearTimer: (timer: { timer: unknown }) => {
      this.timers.delete(timer);
      clearTimeout(timer.timer as NodeJS.Timeout);
    },
    afterPoll: (callback: () => void) => {
      setImmediate(callback);
    },
    soon: (callback: () => void) => queueMicrotask(callback),
    hold: () => (this.holds += 1),
    release: () => (this.holds -= 1),
  };
  readonly journals = new MemoryJournals();
  readonly events = new Events(this.clock as never);
  readonly waiters = new Waiters(this.clock as never);
  readonly options = { name: 'fake', task: resolveTaskDefaults(undefined), concurrency: 1, queueLimit: Number.POSITIVE_INFINITY };
  readonly poolState = { state: 'open' };
  readonly supervisor = { max: 2 };
  readonly dispatcher = { freePlaces: 0 };
  readonly queue = { size: 0 };
  readonly names = { of: (name: string) => ({ name }) };
  exports: ReadonlySet<string> | undefined;
  /** Everything that was ever submitted. */
  submitted: FakeRecord[] = [];
  endings: { item: unknown; how: string; reason: unknown }[] = [];
  /** If set, settles each task immediately, within submit. */
  answer: ((item: unknown) => unknown) | undefined;
  /** Whether cancelled tasks settle by themselves. */
  obeys = true;

  refusal(): Error | undefined {
    return this.poolState.state === 'open' ? undefined : new PoolClosedError(`the pool is ${this.poolState.state}`);
  }

  submit(
    _name: unknown,
    _isExec: boolean,
    encoded: { codec: number; body: Buffer },
    options: FakeRecord['options'],
    settler: Settler,
  ): FakeRecord {
    const args = decode(encoded.codec, Buffer.from(encoded.body), []) as unknown[];
    let over!: () => void;
    const whenOver = new Promise<void>((resolve) => {
      over = resolve;
    });
    const record: FakeRecord = { item: args[0], settler, options, isWithWorker: false, isRunning: false, isSettled: false, whenOver, over };
    this.queue.size += 1;
    if (this.answer === undefined) this.submitted.push(record);
    else this.settle(record, this.answer(record.item));
    return record;
  }

  settle(record: FakeRecord, value: unknown): void {
    if (record.isSettled) throw new Error('settled twice');
    record.isSettled = true;
    this.queue.size -= 1;
    if (value instanceof Error) record.settler.reject(value, record as never, true);
    else record.settler.resolve(value, record as never);
    record.over();
    this.waiters.check();
  }

  find(item: unknown): FakeRecord {
    const record = this.submitted.find((one) => one.item === item);
    if (record === undefined) throw new Error(`${String(item)} was not submitted`);
    return record;
  }
  resolve(item: unknown, value: unknown = item): void {
    this.settle(this.find(item), value);
  }
  reject(item: unknown, error: Error = new Error(`failed ${String(item)}`)): Error {
    this.settle(this.find(item), error);
    return error;
  }

  get inFlight(): unknown[] {
    return this.submitted.filter((record) => !record.isSettled).map((record) => record.item);
  }

  close(): void {
    this.poolState.state = 'closing';
    this.waiters.check();
  }

  readonly settlement = { whenOver: (record: FakeRecord) => record.whenOver };
  readonly cancellation = {
    cancel: (record: FakeRecord, reason: unknown) =>
      this.#end(record, 'cancel', reason, new TaskCancelledError('cancelled', { reason, forced: false })),
    kill: (record: FakeRecord, reason: unknown) =>
      this.#end(record, 'kill', reason, new TaskCancelledError('killed', { reason, forced: true })),
    abort: (record: FakeRecord, reason: unknown) => void this.#end(record, 'abort', reason, reason as Error),
  };
  #end(record: FakeRecord, how: string, reason: unknown, error: Error): Promise<void> {
    this.endings.push({ item: record.item, how, reason });
    if (!record.isSettled && (this.obeys || how === 'kill')) this.settle(record, error);
    return record.whenOver;
  }

  map(items: Iterable<unknown> | AsyncIterable<unknown>, options?: MapOptions): Batch<unknown> {
    return createBatch(this as unknown as PoolCore, 'task', items, (item) => [item], options);
  }
}

/** Lets every microtask and immediate that is due run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A generator that counts how far it was read, and whether it was returned. */
export function counted(count = Number.POSITIVE_INFINITY): { items: Generator<number>; seen: { pulled: number; returned: number } } {
  const seen = { pulled: 0, returned: 0 };
  function* generate(): Generator<number> {
    let isDone = false;
    try {
      for (let i = 0; i < count; i += 1) {
        seen.pulled += 1;
        yield i;
      }
      isDone = true;
    } finally {
      if (!isDone) seen.returned += 1;
    }
  }
  return { items: generate(), seen };
}
