/**
 * Submits the items of a batch with an id, which outlives its client (C13). The same call again
 * adopts what the store has, and adds the rest.
 *
 * The manifest has a mark: items from there on were never added. It is written before those below
 * it are added, many at a time. So whoever comes later reads the items below the mark, of which
 * some may be missing, and adds the others unread.
 *
 * An item is held until that is known of it. Its tasks are in the store until `forget`.
 */
import type { Encoded } from '../../ipc/codec/codec.js';
import type { ItemSettler } from '../../pool/batch/submitter.js';
import type { ResolvedTaskOptions } from '../../pool/options/task-options.js';
import type { Caller } from '../../pool/task/submission-stack.js';
import type { ClientCore } from './client-core.js';
import { type BatchItem, ClusterSubmitter } from './cluster-submitter.js';
import { adopt } from './kept-items.js';
import { itemId, type Manifest, readManifest, writeManifest } from './manifest.js';
import { batchError } from './messages.js';
import { taskData, totalOf } from './submit.js';
import type { ClientTask } from './task-record.js';

/** The mark is that much ahead. */
const STRIDE = 500;
/** What is read at a time. */
const MOST_READ = 100;
const MOST_BYTES_READ = 4_194_304;

interface Held {
  readonly index: number;
  readonly record: ClientTask;
}

export class NamedSubmitter extends ClusterSubmitter {
  readonly #batchId: string;
  /** In the store, as far as it is known. */
  #manifest: Manifest | undefined;
  /** Items below this may be in the store: another client may have added them. */
  #oldMark = 0;
  #held: Held[] = [];
  /** Known when all items have settled: until then, some of them may never come. */
  #total: number | undefined;
  #isRunning = false;

  constructor(core: ClientCore, name: string, caller: Caller | undefined, batchId: string) {
    super(core, name, caller, batchId);
    this.#batchId = batchId;
    this.#run();
  }

  override submit(index: number, encoded: Encoded, options: ResolvedTaskOptions, settler: ItemSettler): BatchItem {
    const { core } = this;
    const id = itemId(this.#batchId, index);
    if (core.pending.has(id)) throw batchError(this.#batchId, 'this client already has the batch under way');
    const data = taskData(core, id, this.name, encoded, options);
    const item = this.item(settler, data.args.length);
    const record = core.take('held', id, this.name, data, totalOf(options.retries), true, options, item);
    this.bind(item, record);
    record.isNew = this.#manifest !== undefined && index >= this.#oldMark;
    this.#held.push({ index, record });
    this.#run();
    return item;
  }

  /** All items have settled. */
  onTotal(total: number): void {
    this.#total = total;
    this.#run();
  }

  /** One step after the other, while there is something to do. */
  #run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.core.clock.soon(() =>
      this.core.finish('a batch', async () => {
        try {
          if (this.#manifest === undefined && this.error === undefined) await this.#open();
          while (this.#held.length > 0) await this.#pass(this.#held.splice(0));
          if (this.error === undefined) await this.#writeTotal();
        } finally {
          this.#isRunning = false;
        }
        if (this.#held.length > 0) this.#run();
      }),
    );
  }

  async #open(): Promise<void> {
    const { core } = this;
    const id = this.#batchId;
    const own: Manifest = { name: this.name, mark: 0, total: undefined };
    const text = await core.ask(() => core.store.createBatch(id, writeManifest(id, own, core.seals)));
    const found = readManifest(id, text, core.seals);
    if (found === undefined) this.#fail('what the store has of it is not valid, or is not sealed with a secret of this client');
    else if (found.name !== this.name) this.#fail(`it is a batch of '${found.name}', not of '${this.name}': use another id`);
    else {
      this.#manifest = found;
      this.#oldMark = found.mark;
      for (const { index, record } of this.#held) record.isNew = index >= found.mark;
      for (const { record } of [...this.#held]) core.endings.proceed(record);
    }
  }

  #fail(what: string): void {
    this.fail(batchError(this.#batchId, what));
  }

  async #pass(held: readonly Held[]): Promise<void> {
    if (this.error !== undefined) {
      for (const { record } of held) this.core.settlement.fail(record, this.error);
      return;
    }
    const old = held.filter(({ index }) => index < this.#oldMark);
    for (let at = 0; at < old.length; ) {
      const some = this.#some(old, at);
      at += some.length;
      await adopt(
        this.core,
        some.map(({ record }) => record),
        (record) => this.#add(record),
      );
    }
    const top = Math.max(-1, ...held.map(({ index }) => index)) + 1;
    if (top > this.#known.mark) await this.#write({ mark: top + STRIDE });
    if (this.error !== undefined) return this.#pass(held);
    for (const { index, record } of held) if (index >= this.#oldMark) this.#add(record);
  }

  #some(held: readonly Held[], from: number): readonly Held[] {
    let bytes = 0;
    let at = from;
    for (; at < held.length && at < from + MOST_READ; at += 1) {
      bytes += (held[at] as Held).record.bytes;
      if (at > from && bytes > MOST_BYTES_READ) break;
    }
    return held.slice(from, at);
  }

  /** It is not in the store. */
  #add(record: ClientTask): void {
    const { core } = this;
    if (record.isSettled) return;
    if (record.ending !== undefined) {
      core.settlement.end(record, false);
      return;
    }
    if (this.error !== undefined) {
      core.settlement.fail(record, this.error);
      return;
    }
    record.become('buffered', core.story);
    core.sender.add(record);
  }

  /** The same call may have had fewer items before. */
  async #writeTotal(): Promise<void> {
    const total = this.#total;
    if (total !== undefined && total > (this.#known.total ?? -1)) await this.#write({ total });
  }

  get #known(): Manifest {
    return this.#manifest as Manifest;
  }

  /** What another client has written meanwhile is kept. */
  async #write(change: Partial<Manifest>): Promise<void> {
    const { core } = this;
    const id = this.#batchId;
    const found = readManifest(id, await core.ask(() => core.store.readBatch(id)), core.seals);
    if (found === undefined) {
      this.#fail('somebody has removed it');
      return;
    }
    const total = change.total === undefined ? found.total : Math.max(change.total, found.total ?? 0);
    const next = { name: this.name, mark: Math.max(found.mark, change.mark ?? 0), total };
    await core.ask(() => core.store.updateBatch(id, writeManifest(id, next, core.seals)));
    this.#manifest = next;
  }
}
