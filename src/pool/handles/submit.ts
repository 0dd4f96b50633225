/**
 * From a call of the program to a record in the queue: checks, encoding, refusals. A pool that
 * takes no tasks makes nothing here throw.
 */
import type { Encoded } from '../../ipc/codec/codec.js';
import { Flag } from '../../ipc/frame.js';
import { OptionsError } from '../../shared/errors.js';
import { safeRead } from '../../shared/program.js';
import { isAborted, reasonOf } from '../../shared/signals.js';
import type { ResolvedTaskOptions } from '../options/task-options.js';
import type { PoolContext } from '../pool-context.js';
import { unknownTask } from '../settle/error-messages.js';
import { encodeArgs } from '../task/encode-args.js';
import { type AnyFunction, captureCaller, isWorthCapturing } from '../task/submission-stack.js';
import type { NameStats } from '../task/task-durations.js';
import type { StreamSink } from './stream.js';
import { Task } from './task.js';

/** The function that a task runs: an export of the module, or a function given by its source. */
export interface Work {
  readonly stats: NameStats;
  readonly isExec: boolean;
}

export function namedWork(core: PoolContext, name: string): Work | Error {
  if (core.exports !== undefined && !core.exports.has(name)) return unknownTask(name, core.exports);
  return { stats: core.names.of(name), isExec: false };
}

/** Submits a task and returns its promise; refusals reject it. */
export function submitTask<R>(
  core: PoolContext,
  name: string,
  work: Work | Error,
  args: readonly unknown[],
  options: ResolvedTaskOptions,
  below: AnyFunction,
  stream?: StreamSink,
): Task<R> {
  const { signal, tag } = options;
  if (signal !== undefined && isAborted(signal)) return Task.refused(reasonOf(signal), name, tag, 'cancelled');
  let encoded: Encoded;
  try {
    // A cheap check first, as nearly always there is no refusal.
    if (core.poolState.state !== 'open' || core.options.queueLimit !== Number.POSITIVE_INFINITY) throwRefusal(core);
    if (!('stats' in work)) throw work;
    encoded = encodeArgs(name, args);
    // Getters among the arguments are code of the program, which may have filled the queue. If it
    // has ended the pool, `core.submit` settles the task immediately.
    if (core.options.queueLimit !== Number.POSITIVE_INFINITY) throwRefusal(core);
  } catch (error) {
    return Task.refused(error, name, tag);
  }
  const { stats, isExec } = work;
  const flags = (isExec ? Flag.Exec : 0) | (stream === undefined ? 0 : Flag.Stream);
  const task = Task.pending<R>();
  const record = core.submit(stats, flags, encoded, options, task, stream);
  // Nobody awaits the task of a stream, so the caller could not be found out later.
  if (stream !== undefined || isWorthCapturing(stats, core.outstanding)) record.caller = captureCaller(below);
  if (stream !== undefined) stream.record = record;
  return task.bind(core, record);
}

export function throwRefusal(core: PoolContext): void {
  const refusal = core.refusal();
  if (refusal !== undefined) throw refusal;
}

// ---- functions by their source, for exec

// Captured: the program may replace them.
const { apply } = Reflect;
const sourceOf = Function.prototype.toString;

/** @throws OptionsError */
export function execSource(fn: unknown): string {
  if (typeof fn !== 'function') throw new OptionsError(`fn: expected a function, got ${fn === null ? 'null' : typeof fn}`);
  const source = apply(sourceOf, fn, []) as string;
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new OptionsError(`fn: expected a function with a source, got '${execName(fn)}', which is native or bound`);
  }
  return source;
}

/** The name of the function, if that is a string. */
export function execName(fn: object): string {
  const name = safeRead(fn, 'name');
  return typeof name === 'string' && name !== '' ? name : 'exec';
}

export function execWork(core: PoolContext, name: string, source: string): Work {
  return { stats: core.names.ofSource(name, source), isExec: true };
}
