/** Submits the items of a batch to the cluster, each as a task of its own. */
import { randomUUID } from 'node:crypto';
import type { Encoded } from '../../ipc/codec/codec.js';
import type { BatchTask, EndKind, ItemSettler, Submitter } from '../../pool/batch/submitter.js';
import type { ResolvedTaskOptions } from '../../pool/options/task-options.js';
import type { Caller } from '../../pool/task/submission-stack.js';
import type { Waiters } from '../../pool/waiters.js';
import type { Clock } from '../../shared/platform.js';
import type { ClientCore } from './client-core.js';
import { nextId, taskData, totalOf } from './submit.js';
import type { ClientTask, Settler } from './task-record.js';

/** By default, the number of items read ahead. */
const FEWEST_AHEAD = 100;
const AHEAD_PER_SLOT = 4;
/** Of encoded arguments whose tasks have not settled. */
const MOST_BYTES = 16_777_216;

export class ClusterSubmitter implements Submitter {
  readonly id: string;
  readonly name: string;
  readonly clock: Clock;
  readonly events: Submitter['events'];
  readonly waiters: Waiters;
  protected readonly core: ClientCore;
  readonly #caller: Caller | undefined;
  #bytes = 0;
  #error: Error | undefined;

  constructor(core: ClientCore, name: string, caller: Caller | undefined, id: string = `b-${randomUUID()}`) {
    this.id = id;
    this.name = name;
    this.clock = core.clock;
    this.events = core.events;
    this.waiters = core.waiters;
    this.core = core;
    this.#caller = caller;
  }

  /** Why it takes no more items. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Takes no more items, whatever the state of the client is. */
  fail(error: Error): void {
    this.#error ??= error;
    this.waiters.check();
  }

  get isOpen(): boolean {
    return this.#error === undefined && this.core.state === 'open';
  }

  get hasCapacity(): boolean {
    return this.isOpen && this.core.pending.size < this.core.options.pendingLimit && this.#bytes < MOST_BYTES;
  }

  get tasksAhead(): number {
    return Math.max(FEWEST_AHEAD, AHEAD_PER_SLOT * this.core.slots);
  }

  refusal(): Error | undefined {
    return this.#error ?? this.core.refusal();
  }

  /** The client does not have the module. */
  unknownName(): undefined {
    return undefined;
  }

  submit(_index: number, encoded: Encoded, options: ResolvedTaskOptions, settler: ItemSettler): BatchItem {
    const { core } = this;
    const id = nextId(core);
    const data = taskData(core, id, this.name, encoded, options);
    const item = this.item(settler, data.args.length);
    const record = core.take('buffered', id, this.name, data, totalOf(options.retries), false, options, item);
    this.bind(item, record);
    core.sender.add(record);
    return item;
  }

  end(task: BatchTask, how: EndKind, reason: unknown): Promise<void> {
    const { record } = task as BatchItem;
    const { endings } = this.core;
    if (record === undefined || record.isSettled) return Promise.resolve();
    if (how !== 'abort') return endings.end(record, how, reason);
    endings.abort(record, reason);
    return endings.whenOver(record);
  }

  /** An item of that size is in flight until it settles. */
  protected item(settler: ItemSettler, bytes: number): BatchItem {
    this.#bytes += bytes;
    return new BatchItem(settler, () => {
      this.#bytes -= bytes;
    });
  }

  protected bind(item: BatchItem, record: ClientTask): void {
    item.record = record;
    record.caller = this.#caller;
  }
}

/** One task of a batch. */
export class BatchItem implements BatchTask, Settler {
  record: ClientTask | undefined;
  readonly #settler: ItemSettler;
  readonly #onSettled: () => void;

  constructor(settler: ItemSettler, onSettled: () => void) {
    this.#settler = settler;
    this.#onSettled = onSettled;
  }

  get isWithWorker(): boolean {
    return this.isRunning;
  }
  get isRunning(): boolean {
    return this.record?.shown === 'running';
  }

  resolve(value: unknown, record: ClientTask): void {
    this.#onSettled();
    this.#settler.resolve(value, endOf(record));
  }
  reject(reason: unknown, record: ClientTask): void {
    this.#onSettled();
    this.#settler.reject(reason, endOf(record));
  }
}

function endOf({ ran, state }: ClientTask): { starts: number; tookMs: number; isCancelled: boolean } {
  return { starts: ran?.attempts ?? 0, tookMs: ran?.ms ?? 0, isCancelled: state === 'cancelled' };
}
