/**
 * Who asked for the work: shown below the stack of a task's error.
 *
 * Capturing a stack at submission costs 4 µs and half a kilobyte, more than all the rest of a short task. So that is done for
 * the first few and for tasks that are worth it; of the others V8 tells, when they fail and for nothing before, what awaits them.
 */
import { isShort, type NameStats } from './pipelining.js';

const FRAMES = 6;
/** With more tasks outstanding, no further stacks are held. */
const MOST = 100;

/** Any function, for `captureStackTrace`. */
export type AnyFunction = (...args: never[]) => unknown;

/** A captured stack, unformatted until someone needs it. */
export interface Caller {
  stack?: string;
}

/** The stack of the caller of `below`; by default, that of whoever asks. */
export function captureCaller(below: AnyFunction = captureCaller): Caller {
  const holder: Caller = {};
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = FRAMES;
  Error.captureStackTrace(holder, below);
  Error.stackTraceLimit = limit;
  return holder;
}

/** Whether the stack is worth capturing for one more task of that name, when so many are outstanding. */
export function isWorthCapturing(name: NameStats, outstanding: number): boolean {
  return outstanding <= MOST && !isShort(name);
}

type Settle = (value: unknown) => void;

/**
 * Rejects a promise, given by its two functions, with an error that tells what awaits that promise: from within an
 * async function whose own promise leads to it, V8 follows the chain of those that wait.
 */
export function rejectToAwaiters(resolve: Settle, reject: Settle, error: Error, about: string): void {
  const failing = (async () => {
    await undefined;
    addFrames(error, framesOf(captureCaller()).slice(1), about); // the first is this function
    throw error;
  })();
  Promise.prototype.then.call(failing, resolve, reject);
}

/** Puts the caller's stack below the error's own. */
export function addCaller(error: unknown, caller: Caller, about: string): void {
  if (error instanceof Error) addFrames(error, framesOf(caller), about);
}

function framesOf({ stack }: Caller): string[] {
  return stack?.split('\n').slice(1) ?? [];
}

function addFrames(error: Error, frames: readonly string[], about: string): void {
  if (typeof error.stack !== 'string' || frames.length === 0) return;
  const stack = `${error.stack}\n    at everpool ${about}, submitted:\n${frames.join('\n')}`;
  try {
    Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
  } catch {
    // a frozen error keeps its own stack alone
  }
}
