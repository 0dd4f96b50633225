/** Where a task was submitted, so that an error thrown in a worker also shows who asked for the work. */
import type { TaskRecord } from './record.js';

const FRAMES = 6;

/** Any function, for `captureStackTrace`. */
export type AnyFunction = (...args: never[]) => unknown;

/** The stack of the caller of `below`, kept unformatted until someone needs it. */
export function captureCaller(below: AnyFunction): { stack?: string } {
  const holder: { stack?: string } = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  Error.captureStackTrace(holder, below);
  Error.stackTraceLimit = limit;
  return holder;
}

/** The caller's stack below the worker's own. */
export function addCallerStack(thrown: unknown, record: TaskRecord): void {
  const frames = record.caller?.stack?.split('\n').slice(1);
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string' || frames === undefined || frames.length === 0) return;
  const stack = `${thrown.stack}\n    at everpool task ${record.id} (${record.name.name}), submitted:\n${frames.join('\n')}`;
  try {
    Object.defineProperty(thrown, 'stack', { value: stack, writable: true, configurable: true });
  } catch {
    // a frozen error keeps the worker's stack alone
  }
}
