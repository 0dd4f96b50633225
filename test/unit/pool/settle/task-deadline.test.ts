/**
 * What a deadline does to an attempt that started just as it was taken back: the rest is shown by
 * the simulation.
 */
import { expect, it } from 'vitest';
import type { PoolContext } from '../../../../src/pool/pool-context.js';
import { armRunDeadlines, onDeadline } from '../../../../src/pool/settle/task-deadline.js';
import type { Lease, TaskRecord } from '../../../../src/pool/task/task-record.js';

interface Seen {
  dueAt: number | undefined;
  onGraceOver: number;
  forced: number;
}

function setUp(record: Partial<TaskRecord>, holder: object = {}): { core: PoolContext; lease: Lease; seen: Seen } {
  const seen: Seen = { dueAt: undefined, onGraceOver: 0, forced: 0 };
  const whole = {
    options: {},
    heapIndex: -1,
    starts: 0,
    submittedAt: 0,
    dueAt: 100,
    isSoftPast: true,
    state: 'running',
    ...record,
  } as TaskRecord;
  const lease = { record: whole, holder, startedAt: 0, hasStarted: false } as unknown as Lease;
  whole.lease = lease;
  const core = {
    clock: { now: () => 100, afterPoll: (run: () => void) => run() },
    options: { diagnose: false },
    deadlines: {
      set: (_record: TaskRecord, at: number) => {
        seen.dueAt = at;
      },
      clear: () => {
        seen.dueAt = undefined;
      },
    },
    settlement: { onWithdrawn: () => undefined },
    cancellation: {
      onGraceOver: () => {
        seen.onGraceOver += 1;
      },
      forceEnd: () => {
        seen.forced += 1;
      },
    },
  } as unknown as PoolContext;
  return { core, lease, seen };
}

const ending = { at: 0, state: 'cancelled', reason: undefined, error: () => undefined } as const;

it('a grace that was over before its task was presumed to run is over immediately then', () => {
  const { core, lease, seen } = setUp({ ending, state: 'sent' });
  onDeadline(core, lease.record);
  expect(seen.onGraceOver).toBe(0); // what runs there may yet be another task
  Object.assign(lease.record, { state: 'running' });
  armRunDeadlines(core, lease);
  expect(seen.dueAt).toBe(100);
  onDeadline(core, lease.record);
  expect(seen.onGraceOver).toBe(1);
});

it('a grace that is not over yet stays as it is', () => {
  const { core, lease, seen } = setUp({ ending, heapIndex: 0, dueAt: 500 });
  armRunDeadlines(core, lease);
  expect(seen.dueAt).toBeUndefined();
});

it('an attempt that started just before it was to be taken back gets its whole time, and is then timed out', () => {
  let hasStarted = false;
  const holder = {
    hasStarted: () => hasStarted,
    countStarted: () => 1,
    withdraw: () => {
      hasStarted = true; // the recall shows that it was claimed
      return false;
    },
  };
  const { core, lease, seen } = setUp({ options: { timeoutMs: 1 } as never }, holder);
  onDeadline(core, lease.record);
  expect(seen).toMatchObject({ forced: 0, dueAt: 101 }); // it has started just now
  lease.startedAt = 0;
  onDeadline(core, lease.record);
  expect(seen.forced).toBe(1);
});

it.each([true, false])('a worker that kept a task from its start for its whole time is killed only if it is hung (%s)', (isHung) => {
  let killed = 0;
  const worker = { kill: () => (killed += 1) };
  const holder = { hasStarted: () => false, countStarted: () => 0, withdraw: () => true, mayKillAsHung: () => isHung, worker };
  const { core, lease } = setUp({ options: { timeoutMs: 1 } as never }, holder);
  onDeadline(core, lease.record);
  expect(killed).toBe(isHung ? 1 : 0); // otherwise it has moved on and runs a bystander
});

it('an error while a task that was taken back is timed out fails that task alone (G9)', () => {
  const failed: unknown[] = [];
  const holder = { hasStarted: () => false, countStarted: () => 0, withdraw: () => true, mayKillAsHung: () => false };
  const { core, lease } = setUp({ options: { timeoutMs: 1 } as never }, holder);
  const error = new Error('thrown by code of the program');
  Object.assign(core.settlement, {
    onWithdrawn: () => {
      throw error;
    },
    failInternally: (_record: TaskRecord, cause: unknown) => failed.push(cause),
  });
  expect(() => onDeadline(core, lease.record)).not.toThrow();
  expect(failed).toEqual([error]);
});

it.each([
  ['a run', { options: { timeoutMs: 60 } as never }],
  ['a soft limit', { options: { timeoutMs: 900, softTimeoutMs: 60 } as never, isSoftPast: false }],
])('%s that is over while this process stands still gets that time back, once', (_what, record) => {
  const aborts: string[] = [];
  const holder = { hasStarted: () => true, withdraw: () => false, abort: (_lease: Lease, kind: string) => aborts.push(kind) };
  const { core, lease, seen } = setUp({ ...record, dueAt: 20 }, holder);
  onDeadline(core, lease.record);
  expect(seen).toMatchObject({ forced: 0, dueAt: 160 }); // it was late by 80, and the limit is 60
  lease.record.dueAt = 20;
  onDeadline(core, lease.record);
  expect(seen.forced + aborts.length).toBe(1);
});

it('so does the grace of a cancel', () => {
  const { core, lease, seen } = setUp({ ending, dueAt: 40 });
  Object.assign(core.options, { graceMs: 500 });
  onDeadline(core, lease.record);
  expect(seen).toMatchObject({ onGraceOver: 0, dueAt: 160 });
  onDeadline(core, lease.record);
  expect(seen.onGraceOver).toBe(1);
});
