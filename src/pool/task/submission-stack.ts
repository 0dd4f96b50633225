/**
 * Shows where a task was submitted, below the stack of its error.
 *
 * Capturing a stack at submission costs 4 µs and half a kilobyte, more than the rest of a short
 * task. So only the first few and the long tasks pay that. For the others, V8 reports what awaits
 * them once they fail, at no cost before.
 *
 * Reading a stack may run code of the program (shared/stack.ts), so it comes last, when everything
 * else about the task is decided.
 */
import { cutOwnFrames, foreignFrames, isOfNode, setOwnPlace } from '../../shared/own-frames.js';
import { isError } from '../../shared/program.js';
import { stackOf, takeStack, withStackLimit } from '../../shared/stack.js';
import { isShort, type NameStats } from './task-durations.js';

const FRAMES = 6;
/** No further stacks are captured while more tasks than this are outstanding. */
const MOST = 100;

// If everpool is bundled with the program, its frames look like the program's own.
const [home] = /^.*(?=pool\/task\/submission-stack\.[jt]s$)/s.exec(import.meta.url ?? '') ?? [];
if (home !== undefined) setOwnPlace(home);

/** Any function, for `captureStackTrace`. */
export type AnyFunction = (...args: never[]) => unknown;

/** A captured stack, unformatted until someone needs it. */
export type Caller = object;

/** Captures the stack of the caller of `below`; by default, of the caller of this function. */
export function captureCaller(below: AnyFunction = captureCaller): Caller {
  const holder = {};
  withStackLimit(FRAMES, () => takeStack(holder, below));
  return holder;
}

/** True if one more task of that name is worth a stack, given the number of outstanding tasks. */
export function isWorthCapturing(name: NameStats, outstanding: number): boolean {
  return outstanding <= MOST && !isShort(name);
}

type Settle = (value: unknown) => void;

/**
 * Rejects a promise, given by its two functions, with an error that shows what awaits that promise.
 * V8 follows the chain of awaiters from inside an async function whose own promise leads to it.
 */
export function rejectToAwaiters(resolve: Settle, reject: Settle, error: object, about: string): void {
  let isHeard = true;
  const failing = (async () => {
    await undefined;
    if (!isHeard) return;
    addFrames(error, framesOf(captureCaller()).slice(1), about); // the first is this function
    throw error;
  })();
  try {
    Promise.prototype.then.call(failing, resolve, reject);
  } catch {
    // `then` reads `Promise[Symbol.species]`. If the program has broken that, the error has no
    // chain.
    isHeard = false;
    reject(error);
  }
}

/** Puts the caller's stack below the error's own. Never throws; may run code of the program. */
export function addCaller(error: unknown, caller: Caller, about: string): void {
  if (isError(error)) addFrames(error, framesOf(caller), about);
}

function framesOf(caller: Caller): string[] {
  return stackOf(caller)?.split('\n').slice(1) ?? [];
}

function addFrames(error: object, frames: readonly string[], about: string): void {
  const own = stackOf(error);
  const shown = foreignFrames(frames).filter((frame) => !isOfNode(frame));
  if (own === undefined || shown.length === 0) return;
  const stack = `${cutOwnFrames(own)}\n    at everpool ${about}, submitted:\n${shown.join('\n')}`;
  try {
    Object.defineProperty(error, 'stack', { __proto__: null, value: stack, writable: true, configurable: true } as PropertyDescriptor);
  } catch {
    // a frozen error keeps its own stack alone
  }
}
