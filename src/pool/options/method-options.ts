/** Checks what the methods of a pool are given beside a task's options, and fills in the defaults. */
import { boolean, checkSignal, integerFrom0, invalid, Section, string, timeoutMs, waitMs } from '../../shared/check.js';
import { signalName } from './option-groups.js';
import type { CloseOptions, KillTasksOptions, KillWorkerOptions, RestartOptions, ScopeOptions, TerminateOptions } from './option-types.js';

export interface ResolvedKillTasks {
  readonly tag: string | undefined;
  readonly queued: boolean;
  readonly running: boolean;
  readonly reason: unknown;
}

const noArgs: readonly unknown[] = Object.freeze([]);

/** The name of a task. @throws {OptionsError} */
export function checkName(name: unknown): string {
  if (typeof name === 'string' && name !== '') return name;
  throw invalid('name', 'a non-empty string, the name of a task', name);
}

/** The arguments of a task; none if not given. @throws {OptionsError} */
export function checkArgs(args: unknown): readonly unknown[] {
  if (args === undefined) return noArgs;
  if (Array.isArray(args)) return args;
  throw invalid('args', 'an array of arguments', args);
}

/** @throws {OptionsError} */
export function checkKillTasksOptions(options: KillTasksOptions | undefined): ResolvedKillTasks {
  const section = new Section('', options, ['tag', 'queued', 'running', 'reason']);
  return {
    tag: section.get('tag', string, undefined),
    queued: section.get('queued', boolean, true),
    running: section.get('running', boolean, true),
    reason: section.raw('reason'),
  };
}

/** @throws {OptionsError} */
export function checkKillWorkerOptions(options: KillWorkerOptions | undefined): { readonly signal: NodeJS.Signals } {
  return { signal: new Section('', options, ['signal']).get('signal', signalName, 'SIGKILL') };
}

/** @throws {OptionsError} */
export function checkWorkerId(id: unknown): number {
  if (integerFrom0.holds(id)) return id;
  throw invalid('id', 'the id of a worker, as workers() lists it', id);
}

/** `timeoutMs` undefined: never. @throws {OptionsError} */
export function checkCloseOptions(options: CloseOptions | undefined): {
  readonly cancelQueued: boolean;
  readonly timeoutMs: number | undefined;
} {
  const section = new Section('', options, ['cancelQueued', 'timeoutMs']);
  const limit = section.get('timeoutMs', timeoutMs, undefined);
  return { cancelQueued: section.get('cancelQueued', boolean, false), timeoutMs: limit === Number.POSITIVE_INFINITY ? undefined : limit };
}

/** `graceMs` undefined: the pool's. @throws {OptionsError} */
export function checkTerminateOptions(options: TerminateOptions | undefined): { readonly graceMs: number | undefined } {
  return { graceMs: new Section('', options, ['graceMs']).get('graceMs', waitMs, undefined) };
}

/** @throws {OptionsError} */
export function checkRestartOptions(options: RestartOptions | undefined): { readonly rolling: boolean } {
  return { rolling: new Section('', options, ['rolling']).get('rolling', boolean, true) };
}

/** @throws {OptionsError} */
export function checkScopeOptions(options: ScopeOptions | undefined): {
  readonly signal: AbortSignal | undefined;
  readonly tag: string | undefined;
} {
  const section = new Section('', options, ['signal', 'tag']);
  const signal = section.raw('signal');
  return { signal: signal === undefined ? undefined : checkSignal('signal', signal), tag: section.get('tag', string, undefined) };
}
