/**
 * A task has one deadline, and its state determines the meaning:
 *
 * - queued or sent: queueTimeoutMs (also for a task presumed to run, until its start is known)
 * - running: softTimeoutMs, then timeoutMs; or the grace of a cancel
 * - waiting: the delay of a retry
 *
 * Before a deadline ends an attempt, one poll phase passes: a result that is already in the pipe
 * wins.
 */
import { TaskTimeoutError } from '../../shared/errors.js';
import { ignore } from '../../shared/ignore.js';
import type { PoolContext } from '../pool-context.js';
import type { Lease, LeaseHolder, TaskRecord } from '../task/task-record.js';
import { aboutTask } from './error-messages.js';

/** The longest delay of a kill for the sake of a stack trace (`diagnose`). */
const DIAGNOSE_LIMIT_MS = 450;
/** A deadline that is this late is late because this process stood still. */
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

/** The tasks and leases that have already been given more time, once for each limit. */
const forgiven: Record<Limit, WeakSet<TaskRecord | Lease>> = {
  queue: new WeakSet(),
  soft: new WeakSet(),
  run: new WeakSet(),
  grace: new WeakSet(),
};

/**
 * While this process stood still, it sent nothing to free workers and read no replies, and the
 * backlog may be more than one turn can read. So once for each limit, that time does not count.
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

/** Sets the deadline of an attempt that is presumed to run from now on. */
export function armRunDeadlines(core: PoolContext, lease: Lease): void {
  const { record } = lease;
  const { softTimeoutMs, timeoutMs, queueTimeoutMs } = record.options;
  if (record.ending !== undefined) {
    // Without a deadline, its grace ended before it was presumed to run.
    if (record.heapIndex < 0) core.deadlines.set(record, core.clock.now());
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
  if (lease.holder === undefined) return; // its worker is just being declared dead
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

/** The time at which its next limit ends, if it started when it was presumed to. */
function runDueAt({ record, startedAt }: Lease): number {
  const { softTimeoutMs, timeoutMs } = record.options;
  return startedAt + ((record.isSoftPast ? timeoutMs : softTimeoutMs) ?? Number.POSITIVE_INFINITY);
}

/**
 * The time by which it must start: its worker may be stopped, or busy with leftovers of an earlier
 * task. Infinity once it has started.
 */
function startDueAt({ record, hasStarted }: Lease): number {
  const { queueTimeoutMs } = record.options;
  if (queueTimeoutMs === undefined || record.starts > 0 || hasStarted) return Number.POSITIVE_INFINITY;
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
    // Tasks beside it prevent its start: its time has not begun.
    if (!holder.hasStarted(lease) && holder.countStarted() > 0) {
      if (holder.withdraw(lease)) {
        onWithdrawn(core, lease);
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
    onWithdrawn(core, lease);
    // It was sent to an idle worker and never started, so that worker is stopped or hung, unless it
    // continues at this very moment.
    if (holder.mayKillAsHung()) holder.worker.kill();
  });
}

/** Code of the program may run here, after the deadline: what it throws fails this task alone. */
function onWithdrawn(core: PoolContext, lease: Lease): void {
  try {
    core.settlement.onWithdrawn(lease);
  } catch (error) {
    core.settlement.failInternally(lease.record, error);
  }
}

/**
 * Takes a stack trace before the kill. If the attempt ends meanwhile, its reply counts, and its
 * worker is replaced because its inspector is open now.
 */
async function diagnose(core: PoolContext, lease: Lease, holder: LeaseHolder): Promise<void> {
  if (!holder.mayKillFor(lease)) {
    core.cancellation.forceEnd(lease);
    return;
  }
  lease.stack = await holder.worker.stack(DIAGNOSE_LIMIT_MS);
  if (lease.holder !== undefined) core.cancellation.forceEnd(lease);
  else if (holder.worker.state === 'ready') core.supervisor.replace(holder.worker, 'restart').catch(ignore);
}

function queueTimeout(core: PoolContext, record: TaskRecord): void {
  if (record.ending !== undefined) return; // being cancelled, after its start
  const timeoutMs = record.options.queueTimeoutMs as number;
  const error = (): TaskTimeoutError =>
    new TaskTimeoutError(`${aboutTask(record)} did not start within ${timeoutMs} ms of its submission`, { kind: 'queue', timeoutMs });
  const { lease } = record;
  // It started in time.
  if (lease?.holder !== undefined && (lease.holder.hasStarted(lease) || !lease.holder.withdraw(lease))) return;
  core.queue.remove(record);
  core.settlement.fail(record, error());
  core.waiters.check();
}
