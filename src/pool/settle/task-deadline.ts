/**
 * What a task's one deadline is for follows from its state:
 * queued or sent: queueTimeoutMs, also of one that is presumed to run until it is known to; running: softTimeoutMs, then timeoutMs, or the grace of a cancel;
 * waiting: the delay of a retry.
 *
 * A deadline that ends an attempt first lets one poll phase pass: a result that is already in the pipe wins.
 */
import { TaskTimeoutError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import type { PoolContext } from '../pool-context.js';
import type { Lease, LeaseHolder, TaskRecord } from '../task/task-record.js';
import { aboutTask } from './error-messages.js';

/** How much later a worker is killed at most, so that its stack is known (`diagnose`). */
const DIAGNOSE_LIMIT_MS = 450;
/** A deadline that is noticed so much later was not noticed in time because this process stood still. */
const LATE_MS = 50;

export function onDeadline(core: PoolContext, record: TaskRecord): void {
  switch (record.state) {
    case 'queued':
    case 'sent':
      if (!isForgiven('queue', core, record, record.options.queueTimeoutMs)) queueTimeout(core, record);
      return;
    case 'waiting':
      core.waiting.delete(record);
      core.enqueue(record, 'back');
      return;
    case 'running':
      if (record.ending === undefined) onRunDeadline(core, record, record.lease as Lease);
      else if (!isForgiven('grace', core, record, core.options.graceMs)) core.cancellation.onGraceOver(record);
      return;
    default:
      return;
  }
}

type Limit = 'queue' | 'soft' | 'run' | 'grace';

/** What has been given more time once. */
const forgiven: Record<Limit, WeakSet<TaskRecord | Lease>> = {
  queue: new WeakSet(),
  soft: new WeakSet(),
  run: new WeakSet(),
  grace: new WeakSet(),
};

/**
 * This process stood still: it gave nothing to workers that had long been free, and read nothing from those that had something to say, which may be
 * more than one turn can read. Once, that time does not count.
 */
function isForgiven(
  limit: Limit,
  core: PoolContext,
  record: TaskRecord,
  limitMs: number | undefined,
  who: TaskRecord | Lease = record,
): boolean {
  if (limitMs === undefined) return false;
  const now = core.clock.now();
  const lateMs = now - record.dueAt;
  if (lateMs < LATE_MS || forgiven[limit].has(who)) return false;
  forgiven[limit].add(who);
  core.deadlines.set(record, now + Math.min(lateMs, limitMs));
  return true;
}

/** The attempt is presumed to run from now on. */
export function armRunDeadlines(core: PoolContext, lease: Lease): void {
  const { record } = lease;
  const { softTimeoutMs, timeoutMs, queueTimeoutMs } = record.options;
  if (record.ending !== undefined) {
    if (record.heapIndex < 0) core.deadlines.set(record, core.clock.now()); // its grace was over before it was presumed to run
    return;
  }
  if (softTimeoutMs === undefined && timeoutMs === undefined && queueTimeoutMs === undefined) {
    if (record.heapIndex >= 0) core.deadlines.clear(record);
    return;
  }
  record.isSoftPast = softTimeoutMs === undefined || (timeoutMs !== undefined && softTimeoutMs >= timeoutMs);
  arm(core, lease);
}

function arm(core: PoolContext, lease: Lease): void {
  const at = Math.min(startDueAt(lease), runDueAt(lease));
  if (at < Number.POSITIVE_INFINITY) core.deadlines.set(lease.record, at);
  else if (lease.record.heapIndex >= 0) core.deadlines.clear(lease.record);
}

function onRunDeadline(core: PoolContext, record: TaskRecord, lease: Lease): void {
  const now = core.clock.now();
  if (lease.holder === undefined) return; // its worker's death is being dealt with
  const { softTimeoutMs, timeoutMs, queueTimeoutMs } = record.options;
  if (startDueAt(lease) <= now) {
    if (isForgiven('queue', core, record, queueTimeoutMs)) return;
    queueTimeout(core, record);
  } else if (runDueAt(lease) <= now) {
    const isForgivenNow = record.isSoftPast
      ? isForgiven('run', core, record, timeoutMs, lease)
      : isForgiven('soft', core, record, softTimeoutMs, lease);
    if (!isForgivenNow) runTimeout(core, record, lease);
    return;
  }
  if (lease.holder !== undefined) arm(core, lease); // it has started
}

/** When its next time limit is over, if it has started when it was presumed to. */
function runDueAt({ record, startedAt }: Lease): number {
  const { softTimeoutMs, timeoutMs } = record.options;
  return startedAt + ((record.isSoftPast ? timeoutMs : softTimeoutMs) ?? Number.POSITIVE_INFINITY);
}

/** Until when it has to start: its worker may be stopped, or spin in what an earlier task left. Infinity: it has started, or is being taken back. */
function startDueAt({ record, hasStarted, isRevoked }: Lease): number {
  const { queueTimeoutMs } = record.options;
  if (queueTimeoutMs === undefined || record.starts > 0 || hasStarted || isRevoked) return Number.POSITIVE_INFINITY;
  return record.submittedAt + queueTimeoutMs;
}

function runTimeout(core: PoolContext, record: TaskRecord, lease: Lease): void {
  if (!record.isSoftPast) {
    record.isSoftPast = true;
    lease.holder?.abort(lease, 'soft-timeout', undefined);
    arm(core, lease);
    return;
  }
  core.clock.afterPoll(() => {
    const { holder } = lease;
    if (holder === undefined || record.lease !== lease || record.ending !== undefined) return;
    // Others run beside it and keep it from its start: its time has not begun.
    if (!lease.isRevoked && !holder.hasStarted(lease) && holder.countStarted() > 0) {
      if (holder.withdraw(lease)) {
        core.settlement.onWithdrawn(lease);
        return;
      }
      lease.startedAt = core.clock.now(); // it has started just now
      arm(core, lease);
      return;
    }
    lease.target = 'timeout';
    if (!holder.withdraw(lease)) {
      if (core.options.diagnose) void diagnose(core, lease, holder);
      else core.cancellation.forceEnd(lease);
      return;
    }
    core.settlement.onWithdrawn(lease);
    // It was sent to an idle worker and never started there: that worker is stopped or hung, unless it goes on in this very moment.
    if (holder.mayKillAsHung()) holder.worker.kill();
  });
}

/** Finds out where it is before it is killed. If it ends meanwhile, its reply counts, and its worker, whose inspector is open now, is replaced. */
async function diagnose(core: PoolContext, lease: Lease, holder: LeaseHolder): Promise<void> {
  if (!holder.mayKillFor(lease)) return;
  lease.stack = await holder.worker.stack(DIAGNOSE_LIMIT_MS);
  if (lease.holder !== undefined) core.cancellation.forceEnd(lease);
  else if (holder.worker.state === 'ready') core.supervisor.replace(holder.worker, 'restart').catch(ignore);
}

function queueTimeout(core: PoolContext, record: TaskRecord): void {
  if (record.ending !== undefined) return; // it is being cancelled: its worker drops it, and will say so
  const timeoutMs = record.options.queueTimeoutMs as number;
  const error = (): TaskTimeoutError =>
    new TaskTimeoutError(`${aboutTask(record)} did not start within ${timeoutMs} ms of its submission`, { kind: 'queue', timeoutMs });
  const { lease } = record;
  // It has started in time, or its worker is just dropping it.
  if (lease?.holder !== undefined && (lease.holder.hasStarted(lease) || !lease.holder.withdraw(lease))) return;
  core.queue.remove(record);
  core.settlement.fail(record, error());
  core.waiters.check();
}
