/**
 * `attach`: a named batch that another client has submitted. Its input are the items which the
 * store has: all of them, or up to the first one that is missing, where its client died.
 */
import type { Encoded } from '../../ipc/codec/codec.js';
import type { Source } from '../../pool/batch/input.js';
import type { ItemSettler } from '../../pool/batch/submitter.js';
import type { ResolvedTaskOptions } from '../../pool/options/task-options.js';
import type { ClientCore } from './client-core.js';
import { type BatchItem, ClusterSubmitter } from './cluster-submitter.js';
import { itemId, readManifest } from './manifest.js';
import { batchError } from './messages.js';

const WINDOW = 100;

export class AttachedSubmitter extends ClusterSubmitter {
  readonly #batchId: string;
  /** Of its tasks. */
  #taskName = '';

  constructor(core: ClientCore, batchId: string) {
    super(core, `attached to ${batchId}`, undefined, batchId);
    this.#batchId = batchId;
  }

  /** The arguments are in the store: nobody reads them here. */
  override submit(index: number, _encoded: Encoded, options: ResolvedTaskOptions, settler: ItemSettler): BatchItem {
    const { core } = this;
    const id = itemId(this.#batchId, index);
    if (core.pending.has(id)) throw batchError(this.#batchId, 'this client already has the batch under way');
    const item = this.item(settler, 0);
    const record = core.take('held', id, this.#taskName, undefined, 0, true, options, item);
    this.bind(item, record);
    core.sweep.watch(record);
    core.sweep.suspect(record); // it may have ended long ago
    core.endings.proceed(record);
    return item;
  }

  source(): Source {
    return { isAsync: true, size: undefined, open: () => this.#items() as unknown as ReturnType<Source['open']> };
  }

  /** The values do not matter. */
  async *#items(): AsyncGenerator<undefined> {
    const { core } = this;
    const id = this.#batchId;
    const text = await core.ask(() => core.store.readBatch(id));
    const manifest = readManifest(id, text, core.seals);
    if (text === undefined) throw batchError(id, 'there is no such batch in the store');
    if (manifest === undefined) {
      throw batchError(id, 'what the store has of it is not valid, or is not sealed with a secret of this client');
    }
    const { mark, total } = manifest;
    this.#taskName = manifest.name;
    for (let from = 0; from < (total ?? mark); from += WINDOW) {
      const ids = Array.from({ length: Math.min(WINDOW, (total ?? mark) - from) }, (_, at) => itemId(id, from + at));
      const statuses = total === undefined ? await core.ask(() => core.store.statuses(ids)) : undefined;
      for (let at = 0; at < ids.length; at += 1) {
        if (statuses?.[at]?.state === 'missing') return;
        yield undefined;
      }
    }
  }
}
