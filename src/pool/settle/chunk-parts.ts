/**
 * Splits a chunk whose results have not all arrived: each remaining item goes on as a task of its
 * own. The control file says how many items had started.
 */
import type { Worker } from '../../supervisor/lifecycle/worker.js';
import type { PoolContext } from '../pool-context.js';
import type { Lease } from '../task/task-record.js';

/**
 * The worker died: returns the attempt as each remaining item sees it, in order; none, if all
 * results had arrived. A task without items, or a chunk that goes on as a whole, is its own only
 * part.
 */
export function partsAtDeath(lease: Lease, worker: Worker): Lease[] {
  const { items, ending } = lease.record;
  if (items === undefined || !lease.hasStarted || ending !== undefined) return [lease];
  return items.split(lease, worker.controlFile.startedItems(lease.seq));
}

/**
 * One of the items could not be decoded, so none has started: sends each item separately. Returns
 * false if that would change nothing.
 */
export function areSentAgain(core: PoolContext, lease: Lease, worker: Worker): boolean {
  const { items, ending } = lease.record;
  // The worker's message may be false: the control file must show no started item.
  if (items === undefined || ending !== undefined || worker.controlFile.startedItems(lease.seq) !== 0) return false;
  const parts = items.split(lease, 0);
  if (parts.length < 2) return false;
  for (const { record } of parts.reverse()) {
    record.lease = undefined;
    core.enqueue(record, 'front');
  }
  return true;
}
