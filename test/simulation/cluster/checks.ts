/** What must hold after a run: the guarantees of a cluster, as far as its clients keep them. */
import { ResultLostError, StoreError } from '../../../src/cluster/errors.js';
import type { NewTask } from '../../../src/cluster/store/types.js';
import { TaskCancelledError, TaskTimeoutError } from '../../../src/shared/errors.js';
import type { World } from './run-cluster-seed.js';
import type { Faults, SimClientStore } from './sim-client-store.js';
import type { BatchSeen, Observed, User } from './user.js';

/** From then on the ways are sound, but for events. */
const CALM_AT = 8500;
/** A sweep reads a hundred of at most a thousand tasks each half of a second. */
const SWEPT_MS = 8000;

export interface Run {
  readonly world: World;
  readonly user: User;
  readonly batches: readonly BatchSeen[];
  readonly storedAtDeath: number;
  readonly iterated: { readonly isOver: boolean; readonly error: unknown };
  readonly bufferSize: number;
  readonly hasEnded: boolean;
  readonly isClosed: boolean;
  readonly faults: Faults;
  readonly store: SimClientStore;
}

/** The guarantees that do not hold. */
export function check(run: Run): string[] {
  const { user, world, batches, iterated, hasEnded, isClosed } = run;
  const faults = [...user.faults];
  for (const seen of user.observed) checkTask(run, seen, faults);
  if (!iterated.isOver) faults.push('C1: the map has not ended');
  const isRemoved = iterated.error instanceof ResultLostError && world.queue.ledger.byOperator.size > 0;
  if (iterated.error !== undefined && !isRemoved && !(iterated.error instanceof StoreError))
    faults.push(`C1: the map has failed: ${String(iterated.error)}`);
  for (const batch of batches) checkBatch(run, batch, faults);
  if (hasEnded && !isClosed) faults.push('C1: close() has not resolved');
  for (const [id, starts] of world.queue.ledger.starts) {
    const endedAt = world.queue.ledger.endedAt.get(id) ?? Number.POSITIVE_INFINITY;
    if (starts.some((at) => at > endedAt) && !world.queue.ledger.byOperator.has(id))
      faults.push(`C2: ${id} had ended, and was started again`);
    if (id.startsWith('b-') && starts.length > 4) faults.push(`C3: ${id} was started ${starts.length} times`);
  }
  if (hasEnded && isClosed) checkStore(run, faults);
  return faults;
}

/** The attempt that gave this outcome; undefined for a failure, which is no JSON. */
function attemptOf(accepted: string): number | undefined {
  try {
    return (JSON.parse(accepted) as { n: number }).n;
  } catch {
    return undefined;
  }
}

function checkTask({ world, faults: ways }: Run, seen: Observed, faults: string[]): void {
  const { starts, outcomes, endedAt: endedTimes, settled, byOperator, stored } = world.queue.ledger;
  const { id, error, value, settledAt, mostStarts } = seen;
  const times = starts.get(id) ?? [];
  if (settledAt === undefined) {
    faults.push(`C1: ${id} (${seen.name}) has not settled`);
    return;
  }
  if (settled.get(id) !== 1) faults.push(`C1: ${id} was reported as settled ${settled.get(id) ?? 0} times`);
  // The store adds a task again whose call is repeated after somebody has removed it.
  if (times.length > mostStarts && !byOperator.has(id))
    faults.push(`${mostStarts === 1 ? 'C2' : 'C3'}: ${id} was started ${times.length} times`);
  const late = times.find((at) => at > settledAt);
  if (late !== undefined && (seen.wasAnswered || error instanceof TaskCancelledError))
    faults.push(`C6: ${id} has settled, and was started after that`);
  if (seen.progress.some((each, index) => index > 0 && each <= (seen.progress[index - 1] as number))) {
    faults.push(`C11: the progress of ${id} is out of order: ${seen.progress.join(' ')}`);
  }
  const endedAt = endedTimes.get(id);
  const foundMs = endedAt === undefined ? 0 : settledAt - Math.max(endedAt, CALM_AT);
  if (foundMs > SWEPT_MS) {
    faults.push(`C11: ${id} has ended, and it was found ${Math.round(foundMs)} ms later`);
  }
  if (error === undefined) {
    const { item, attempts } = value as { item?: { number?: unknown }; attempts?: unknown };
    if (item?.number !== (seen.item as { number: number }).number) faults.push(`C11: ${id} has the result of another task`);
    const accepted = outcomes.get(id);
    if (accepted === undefined) faults.push(`C4: ${id} has a result that the store has not accepted`);
    else if (attemptOf(accepted) !== attempts) faults.push(`C4: ${id} has the result of another attempt`);
    return;
  }
  if (error instanceof TaskTimeoutError && error.kind === 'queue') {
    if (times.length > 0 && seen.wasAnswered) faults.push(`C1: ${id} did start, and has a queue timeout`);
  } else if (error instanceof TaskCancelledError) {
    if (seen.endedBy === 'nobody') faults.push(`C5: ${id} was cancelled, and nobody did that`);
    if (seen.endedBy === 'other' && !String(error.reason).startsWith('other')) faults.push(`C7: ${id} has lost the reason`);
  } else if (error instanceof StoreError) {
    if (!world.queue.isRefused({ id } as NewTask) || stored.has(id)) faults.push(`C5: ${id} was refused beside another`);
  } else if (error instanceof ResultLostError) {
    const isLate = ways.loseEvent > 0 || (ways.lateEvent > 0 && ways.lateMs > 300) || ways.latencyMs > 100 || world.wasAway;
    const isExplained = byOperator.has(id) || (seen.endedBy === 'other' && isLate);
    if (!isExplained) faults.push(`C11: ${id} is lost, and nobody has removed it`);
    if (seen.endedBy === 'owner' && !byOperator.has(id)) faults.push(`C6: ${id} was cancelled by its owner, and is called lost`);
  } else if (outcomes.get(id) === undefined) {
    faults.push(`C4: ${id} has failed, and the store has no outcome: ${String(error)}`);
  }
}

function checkBatch({ storedAtDeath }: Run, { outcome, error, count }: BatchSeen, faults: string[]): void {
  if (outcome === undefined) {
    faults.push(`C13: the batch has not ended${error === undefined ? '' : `: ${String(error)}`}`);
    return;
  }
  const list = outcome as PromiseSettledResult<unknown>[];
  if (count >= 0 && list.length !== count) faults.push(`C13: ${list.length} of ${count} items`);
  if (count < 0 && list.length < storedAtDeath) faults.push(`C13: attach gives ${list.length} items, and ${storedAtDeath} were stored`);
  for (const [index, each] of list.entries()) {
    if (each.status === 'rejected') {
      const lost = count < 0 && each.reason instanceof ResultLostError && index >= storedAtDeath;
      if (!lost && (each.reason as { code?: string }).code !== 'ERR_EVERPOOL_HOST_LOST')
        faults.push(`C13: item ${index}: ${String(each.reason)}`);
    } else {
      const { item } = each.value as { item?: { number?: unknown } };
      if (item?.number !== index) faults.push(`C13: item ${index} has the result of ${String(item?.number)}`);
    }
  }
}

/** Read results leave the store, and a map is no further ahead than it may be. */
function checkStore({ world, user }: Run, faults: string[]): void {
  const uncertain = new Set(user.observed.filter(({ wasAnswered }) => !wasAnswered).map(({ id }) => id));
  const left = [...world.queue.jobs.keys()].filter((id) => id.startsWith('t-c1-') && !uncertain.has(id));
  if (left.length > 0) faults.push(`C14: ${left.length} tasks are left in the store, such as ${left[0]}`);
}
