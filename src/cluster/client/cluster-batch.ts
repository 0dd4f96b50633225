/** `map`, `starmap` and `attach`: the engine of a pool's batches (pool/batch) over a cluster. */
import { BatchHandle } from '../../pool/batch/batch.js';
import { BatchRun } from '../../pool/batch/batch-run.js';
import { sourceOf, type ToArgs } from '../../pool/batch/input.js';
import { captureCaller } from '../../pool/task/submission-stack.js';
import { invalid } from '../../shared/check.js';
import type { ClusterBatch, ClusterMapOptions } from '../types.js';
import { AttachedSubmitter } from './attached.js';
import type { ClientCore } from './client-core.js';
import { resolveClusterMap } from './client-options.js';
import { ClusterSubmitter } from './cluster-submitter.js';
import { isItemOf, itemId, readManifest } from './manifest.js';
import { batchError } from './messages.js';
import { NamedSubmitter } from './named-submitter.js';

const WINDOW = 100;

class ClusterBatchHandle<R> extends BatchHandle<R, string> implements Omit<ClusterBatch<R>, 'onProgress'> {
  readonly #forget: () => Promise<void>;

  constructor(id: string, run: BatchRun, forget: () => Promise<void>) {
    super(id, run);
    this.#forget = forget;
  }

  forget(): Promise<void> {
    return this.#forget();
  }
}

/** `onProgress` returns the batch itself, which the public type cannot say. */
function handle<R>(id: string, run: BatchRun, forget: () => Promise<void>): ClusterBatch<R> {
  return new ClusterBatchHandle<R>(id, run, forget) as unknown as ClusterBatch<R>;
}

/** @throws OptionsError only, for a wrong option or items that cannot be iterated */
export function createBatch<R>(
  core: ClientCore,
  name: string,
  items: unknown,
  toArgs: ToArgs | undefined,
  options: ClusterMapOptions | undefined,
): ClusterBatch<R> {
  const { id, ...resolved } = resolveClusterMap(options, core.options.task);
  const source = sourceOf(items);
  if (source === undefined) throw invalid('items', 'an iterable or an async iterable', items);
  const caller = captureCaller(createBatch);
  if (id === undefined) {
    const submitter = new ClusterSubmitter(core, name, caller);
    return handle<R>(submitter.id, new BatchRun(submitter, source, toArgs, resolved), () => Promise.resolve());
  }
  const submitter = new NamedSubmitter(core, name, caller, id);
  const run = new BatchRun(submitter, source, toArgs, resolved);
  run.onOver = () => {
    if (run.verdict === undefined && run.pump.total !== undefined) submitter.onTotal(run.pump.total);
  };
  return handle<R>(id, run, () => forget(core, id, submitter));
}

export function attachTo<R>(core: ClientCore, id: string): ClusterBatch<R> {
  const { id: _none, ...resolved } = resolveClusterMap(undefined, core.options.task);
  const submitter = new AttachedSubmitter(core, id);
  const task = { ...resolved.task, queueTimeoutMs: undefined };
  const run = new BatchRun(submitter, submitter.source(), () => [], { ...resolved, task });
  return handle<R>(id, run, () => forget(core, id, submitter));
}

/** Nothing of it is pending here afterwards. */
async function forget(core: ClientCore, id: string, submitter: ClusterSubmitter): Promise<void> {
  const error = batchError(id, 'it was forgotten');
  submitter.fail(error);
  await core.waiters.hold(remove(core, id));
  for (const record of [...core.pending.values()]) if (isItemOf(id, record.id)) core.settlement.fail(record, error);
}

/** Items first, so that the call can be repeated if this client dies meanwhile. */
async function remove(core: ClientCore, id: string): Promise<void> {
  const { store, seals } = core;
  const manifest = readManifest(id, await core.ask(() => store.readBatch(id)), seals);
  for (let from = 0; from < (manifest?.mark ?? 0); from += WINDOW) {
    const ids = Array.from({ length: WINDOW }, (_, at) => itemId(id, from + at));
    const statuses = await core.ask(() => store.statuses(ids));
    const finished = ids.filter((_, at) => statuses[at]?.state === 'completed' || statuses[at]?.state === 'failed');
    if (finished.length > 0) await core.ask(() => store.discard(finished));
    for (const [at, item] of ids.entries()) {
      if (statuses[at]?.state === 'unfinished') await core.endings.endAny(item, 'kill', 'its batch was forgotten');
    }
  }
  await core.ask(() => store.removeBatch(id));
}
