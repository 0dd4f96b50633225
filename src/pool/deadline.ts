/**
 * What a task's one deadline is for follows from its state:
 * queued or sent: queueTimeoutMs; running: softTimeoutMs, then timeoutMs, or the grace of a cancel;
 * waiting: the delay of a retry.
 *
 * A deadline that ends an attempt first lets one poll phase pass: a result that is already in the pipe wins.
 */
import { TaskTimeoutError } from '../shared/errors.js';
import { ignore } from '../shared/ignore.js';
import { aboutTask } from './messages.js';
import type { Lease, LeaseLane, TaskRecord } from './record.js';
import type { Rooms } from './rooms.js';

/** How much later a worker is killed at most, so that its stack is known (`diagnose`). */
const DIAGNOSE_LIMIT_MS = 450;

export function onDeadline(core: Rooms, record: TaskRecord): void {
  switch (record.state) {
    case 'queued':
    case 'sent':
      queueTimeout(core, record);
      return;
    case 'waiting':
      core.waiting.delete(record);
      core.enqueue(record, 'back');
      return;
    case 'running':
      if (record.ending !== undefined) core.canceller.graceOver(record);
      else runTimeout(core, record, record.lease as Lease);
      return;
    default:
      return;
  }
}

/** The attempt is presumed to run from now on. */
export function armRunDeadlines(core: Rooms, lease: Lease): void {
  const { record } = lease;
  const { softTimeoutMs, timeoutMs } = record.options;
  if (record.ending !== undefined) return;
  if (softTimeoutMs === undefined && timeoutMs === undefined) {
    if (record.heapIndex >= 0) core.deadlines.clear(record);
    return;
  }
  const soft = softTimeoutMs ?? Number.POSITIVE_INFINITY;
  const hard = timeoutMs ?? Number.POSITIVE_INFINITY;
  record.isSoftPast = soft >= hard;
  core.deadlines.set(record, lease.startedAt + Math.min(soft, hard));
}

function runTimeout(core: Rooms, record: TaskRecord, lease: Lease): void {
  const { softTimeoutMs, timeoutMs } = record.options;
  if (!record.isSoftPast && softTimeoutMs !== undefined) {
    record.isSoftPast = true;
    lease.lane?.abort(lease, 'soft-timeout', undefined);
    if (timeoutMs !== undefined) core.deadlines.set(record, lease.startedAt + timeoutMs);
    return;
  }
  core.clock.afterPoll(() => {
    const lane = lease.lane;
    if (lane === undefined || record.lease !== lease || record.ending !== undefined) return;
    lease.target = 'timeout';
    if (!lane.withdraw(lease)) {
      if (core.options.diagnose) void diagnose(core, lease, lane);
      else core.canceller.forceEnd(lease);
      return;
    }
    // It was sent to an idle worker and never started there: that worker is stopped or hung.
    lane.withdrawAfter(0);
    lane.worker.kill();
  });
}

/** Finds out where it is before it is killed. If it ends meanwhile, its reply counts, and its worker, whose inspector is open now, is replaced. */
async function diagnose(core: Rooms, lease: Lease, lane: LeaseLane): Promise<void> {
  if (!lane.mayKillFor(lease)) return;
  lease.stack = await lane.worker.stack(DIAGNOSE_LIMIT_MS);
  if (lease.lane !== undefined) core.canceller.forceEnd(lease);
  else if (lane.worker.state === 'ready') core.supervisor.replace(lane.worker, 'restart').catch(ignore);
}

function queueTimeout(core: Rooms, record: TaskRecord): void {
  if (record.ending !== undefined) return; // it is being cancelled: its worker drops it, and will say so
  const timeoutMs = record.options.queueTimeoutMs as number;
  const error = (): TaskTimeoutError =>
    new TaskTimeoutError(`${aboutTask(record)} did not start within ${timeoutMs} ms of its submission`, { kind: 'queue', timeoutMs });
  const lane = record.lease?.lane;
  if (lane !== undefined && record.lease !== undefined) {
    if (lane.look(record.lease)) return; // it has started in time
    record.ending = { at: core.clock.now(), state: 'failed', error, reason: undefined };
    if (!lane.withdraw(record.lease)) record.ending = undefined;
    return;
  }
  core.queue.remove(record);
  core.settlement.fail(record, error());
  core.waiters.check();
}
