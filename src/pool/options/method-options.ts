/** Checks the options and arguments of the pool's methods, except those of a task. */
import { boolean, checkSignal, integerFrom0, invalid, string, waitMs } from '../../shared/check.js';
import { signalName } from './option-groups.js';
import { anything, type Resolved, readOptions, type Table, timeoutOrNever } from './option-table.js';
import type { CloseOptions, KillTasksOptions, KillWorkerOptions, RestartOptions, ScopeOptions, TerminateOptions } from './option-types.js';

type ResolvedKillTasks = Resolved<KillTasksOptions, 'tag' | 'reason'>;
type ResolvedKillWorker = Resolved<KillWorkerOptions>;
type ResolvedClose = Resolved<CloseOptions, 'timeoutMs'>;
type ResolvedTerminate = Resolved<TerminateOptions, 'graceMs'>;
type ResolvedRollingRestart = Resolved<RestartOptions>;
type ResolvedScope = Resolved<ScopeOptions, 'signal' | 'tag'>;

export const killTasksTable: Table<ResolvedKillTasks> = {
  tag: [string, undefined],
  queued: [boolean, true],
  running: [boolean, true],
  reason: [anything, undefined],
};

export const killWorkerTable: Table<ResolvedKillWorker> = { signal: [signalName, 'SIGKILL'] };

export const closeTable: Table<ResolvedClose> = { cancelQueued: [boolean, false], timeoutMs: [timeoutOrNever, undefined] };

export const terminateTable: Table<ResolvedTerminate> = { graceMs: [waitMs, undefined] };

export const rollingRestartTable: Table<ResolvedRollingRestart> = { rolling: [boolean, true] };

export const scopeTable: Table<ResolvedScope> = { signal: [checkSignal, undefined], tag: [string, undefined] };

/** @throws {OptionsError} */
export function checkKillTasksOptions(options: KillTasksOptions | undefined): ResolvedKillTasks {
  return readOptions(killTasksTable, '', options);
}

/** @throws {OptionsError} */
export function checkKillWorkerOptions(options: KillWorkerOptions | undefined): ResolvedKillWorker {
  return readOptions(killWorkerTable, '', options);
}

/** @throws {OptionsError} */
export function checkCloseOptions(options: CloseOptions | undefined): ResolvedClose {
  return readOptions(closeTable, '', options);
}

/** @throws {OptionsError} */
export function checkTerminateOptions(options: TerminateOptions | undefined): ResolvedTerminate {
  return readOptions(terminateTable, '', options);
}

/** @throws {OptionsError} */
export function checkRestartOptions(options: RestartOptions | undefined): ResolvedRollingRestart {
  return readOptions(rollingRestartTable, '', options);
}

/** @throws {OptionsError} */
export function checkScopeOptions(options: ScopeOptions | undefined): ResolvedScope {
  return readOptions(scopeTable, '', options);
}

const noArgs: readonly unknown[] = Object.freeze([]);

/** Returns the name of a task. @throws {OptionsError} */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw invalid('name', 'a non-empty string, the name of a task', name);
}

/** Returns the arguments of a task; none if not given. @throws {OptionsError} */
export function checkArgs(args: unknown): readonly unknown[] {
  if (args === undefined) return noArgs;
  if (Array.isArray(args)) return args;
  throw invalid('args', 'an array of arguments', args);
}

/** @throws {OptionsError} */
export function checkWorkerId(id: unknown): number {
  if (integerFrom0.holds(id)) return id;
  throw invalid('id', 'the id of a worker, as workers() lists it', id);
}
