/**
 * The messages of errors: what happened, to which task and worker, and what to do about it. The
 * functions only build errors; they decide and settle nothing.
 */

import { describe } from '../../ipc/codec/refusal.js';
import {
  OutOfMemoryError,
  PoolBrokenError,
  SerializationError,
  TaskTimeoutError,
  UnknownTaskError,
  WorkerDiedError,
} from '../../shared/errors.js';
import { isError, textOf } from '../../shared/program.js';
import { stackOf } from '../../shared/stack.js';
import type { Death } from '../../shared/types.js';
import { describeDeath, isHeapAbort } from '../../supervisor/lifecycle/death.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';
import type { Lease, TaskRecord } from '../task/task-record.js';
import { setupMistake } from './setup-mistakes.js';

type BrokenOptions = Pick<ResolvedPoolOptions, 'name' | 'module' | 'restart'>;

export function aboutTask(record: TaskRecord): string {
  const tag = record.options.tag === undefined ? '' : `, tag '${record.options.tag}'`;
  return `task ${idOf(record)} (${record.name.name}${tag})`;
}

function idOf({ id, past }: TaskRecord): number | string {
  return past?.origin?.id ?? id;
}

function tailOf(death: Death): string {
  const tail = death.stderrTail.trimEnd();
  return tail === '' ? '' : `\nThe end of its stderr:\n${tail}`;
}

export function diedError(record: TaskRecord, death: Death, epoch: number): WorkerDiedError {
  const attempts = record.attempts(epoch);
  const details = { death, taskId: idOf(record), taskName: record.name.name, attempts };
  const allowed = record.past?.origin?.crashRetries ?? record.options.retries.crash;
  const advice =
    allowed === 0
      ? 'It was not retried; if running it twice is safe, set retries: { crash: n }.'
      : `It was started ${record.totalStarts} times; retries.crash is ${allowed}.`;
  const last = attempts.at(-1);
  const worker = last === undefined ? 'its worker' : `worker ${last.workerId}`;
  const text = `${aboutTask(record)}: ${worker} ${describeDeath(death)}. ${advice}${tailOf(death)}`;
  return death.cause === 'memory' || isHeapAbort(death) ? new OutOfMemoryError(text, details) : new WorkerDiedError(text, details);
}

/** @param what the part of the result that the worker sent and this process cannot read */
export function unreadableError(record: TaskRecord, what: string, cause: unknown): SerializationError {
  return new SerializationError(`${aboutTask(record)}: ${what} could not be decoded: ${describe(cause)}`, { side: 'result', cause });
}

export function timeoutError(record: TaskRecord, lease: Lease): TaskTimeoutError {
  const timeoutMs = record.options.timeoutMs as number;
  const where = lease.hasStarted ? `worker ${lease.workerId} was killed` : `worker ${lease.workerId} never started it`;
  const { stack } = lease;
  const text = `${aboutTask(record)} ran for more than ${timeoutMs} ms; ${where}${stack === undefined ? '' : `. It was running:\n${stack}`}`;
  return new TaskTimeoutError(text, { kind: 'run', timeoutMs, ...(stack === undefined ? {} : { workerStack: stack }) });
}

export function brokenError({ name, module, restart }: BrokenOptions, death: Death, bootError: unknown): PoolBrokenError {
  const mistake = setupMistake(death, bootError, module);
  const isThrown = isError(bootError) && death.cause !== 'spawn';
  const why = isThrown ? `\nIt threw: ${stackOf(bootError) ?? textOf(bootError)}` : '';
  const what =
    mistake === undefined
      ? `its workers keep dying without finishing a task (more than ${restart.intensity} deaths; restart.periodMs is ${restart.periodMs}). ` +
        `The last one ${describeDeath(death)}.`
      : `its workers cannot start. ${mistake.reason.replace(/\.$/, '')}. ${mistake.remedy}`.trimEnd();
  const again = 'It retries by itself (restart.probeMs); revive() retries immediately.';
  const text = `the pool '${name}' is broken: ${what} ${again}${why}${mistake !== undefined && isThrown ? '' : tailOf(death)}`;
  return new PoolBrokenError(text, bootError === undefined ? { death } : { death, cause: bootError });
}

export function unknownTask(name: string, exports: Iterable<string>): UnknownTaskError {
  const list = [...exports];
  const text =
    list.length === 0 ? 'the pool has no task module, or the module exports no function' : `the task module exports ${list.join(', ')}`;
  return new UnknownTaskError(`there is no task named '${name}': ${text}`, { taskName: name, exports: list });
}
