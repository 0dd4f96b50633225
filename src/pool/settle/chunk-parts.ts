/** Of a chunk that was not told to its end, each item goes on by itself. */
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { PoolContext } from '../pool-context.js';
import type { Lease } from '../task/task-record.js';

/** Its worker died: the attempt as each item sees it, in their order; as it is, if it is at no chunk or goes on whole. None, if all were told. */
export function partsAtDeath(lease: Lease, worker: Worker): Lease[] {
  const { items, ending } = lease.record;
  if (items === undefined || !lease.hasStarted || ending !== undefined) return [lease];
  return items.split(lease, worker.controlFile.startedItems(lease.seq));
}

/** One of the items could not be decoded, so none has started: each is sent by itself. False, if that would change nothing. */
export function areSentAgain(core: PoolContext, lease: Lease, worker: Worker): boolean {
  const { items, ending } = lease.record;
  // What a worker says may be a lie: the note tells of items that started.
  if (items === undefined || ending !== undefined || worker.controlFile.startedItems(lease.seq) !== 0) return false;
  const parts = items.split(lease, 0);
  if (parts.length < 2) return false;
  for (const { record } of parts.reverse()) {
    record.lease = undefined;
    core.enqueue(record, 'front');
  }
  return true;
}
