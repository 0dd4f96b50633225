/**
 * Who asked for the work: shown below the stack of a task's error.
 *
 * Capturing a stack at submission costs 4 µs and half a kilobyte, more than all the rest of a short task. So that is done for
 * the first few and for tasks that are worth it; of the others V8 tells, when they fail and for nothing before, what awaits them.
 *
 * Reading a stack may run code of the program (shared/stack.ts): so that is done when everything else about the task is decided.
 */
import { cutOwnFrames, foreignFrames, isOfNode, setOwnPlace } from '../../shared/own-frames.js';
import { isError } from '../../shared/program.js';
import { stackOf, takeStack, withStackLimit } from '../../shared/stack.js';
import { isShort, type NameStats } from './task-durations.js';

const FRAMES = 6;
/** With more tasks outstanding, no further stacks are held. */
const MOST = 100;

// Where it is bundled with the program, its frames cannot be told from the program's.
const [home] = /^.*(?=pool\/task\/submission-stack\.[jt]s$)/s.exec(import.meta.url ?? '') ?? [];
if (home !== undefined) setOwnPlace(home);

/** Any function, for `captureStackTrace`. */
export type AnyFunction = (...args: never[]) => unknown;

/** A captured stack, unformatted until someone needs it. */
export type Caller = object;

/** The stack of the caller of `below`; by default, that of whoever asks. */
export function captureCaller(below: AnyFunction = captureCaller): Caller {
  const holder = {};
  withStackLimit(FRAMES, () => takeStack(holder, below));
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
    // It looks up what promises it makes (`Promise[Symbol.species]`): where the program has broken that, without a chain.
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
