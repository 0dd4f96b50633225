/**
 * Items of named batches that the store has already (C13): an earlier call has added them, or
 * another client adds them at the same time. They are taken on if they are the same, and fail
 * otherwise: the results of other arguments must not pass for theirs.
 */
import type { NewTask, StoredTask } from '../store/types.js';
import type { TaskData } from '../wire/task.js';
import type { ClientCore } from './client-core.js';
import { partsOf } from './manifest.js';
import { batchError } from './messages.js';
import type { ClientTask } from './task-record.js';

/** Of the tasks that the store was asked to add: those whose ids were taken. */
export async function addedByOthers(core: ClientCore, records: readonly ClientTask[], tasks: readonly NewTask[]): Promise<ClientTask[]> {
  const kept = records.flatMap((record, at) => (record.isKept ? [{ record, own: tasks[at]?.data.head }] : []));
  if (kept.length === 0) return [];
  const heads = await core.askOnce(() => core.store.heads(kept.map(({ record }) => record.id)));
  // A head has the client and the time of its call, so no two are the same.
  return kept.filter(({ own }, at) => heads[at] !== undefined && heads[at] !== own).map(({ record }) => record);
}

/** @param onMissing for one that is not in the store */
export async function adopt(core: ClientCore, records: readonly ClientTask[], onMissing: (record: ClientTask) => void): Promise<void> {
  const found = await core.ask(() => core.store.read(records.map(({ id }) => id)));
  records.forEach((record, at) => {
    const stored = found[at];
    if (record.isSettled) return;
    if (stored === undefined) onMissing(record);
    else if (isSame(stored, record.data as TaskData)) {
      record.data = undefined;
      record.early = undefined;
      core.sweep.watch(record);
      core.outcomes.onStatus(record, stored.status);
      core.endings.proceed(record);
    } else if (record.ending !== undefined) core.settlement.end(record, false);
    else {
      const { batch, index } = partsOf(record.id);
      const what = `item ${index} is in the store with other arguments, or for another task: use another id, or forget() it`;
      core.settlement.fail(record, batchError(batch, what));
    }
  });
}

/** The times of the two calls differ, and so do the seals. */
function isSame({ data }: StoredTask, own: TaskData): boolean {
  if (typeof data !== 'object' || data === null) return false;
  const { head, args } = data as Partial<TaskData>;
  return args === own.args && nameOf(head) === nameOf(own.head);
}

function nameOf(head: unknown): unknown {
  try {
    const read: unknown = JSON.parse(head as string);
    return typeof read === 'object' && read !== null ? (read as { name?: unknown }).name : undefined;
  } catch {
    return undefined;
  }
}
