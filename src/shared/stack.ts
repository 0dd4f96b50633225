/**
 * The stack of the running code. The program may have its own `Error.prepareStackTrace`, which V8
 * calls when a stack is first read: it may throw, return anything, and call the pool.
 * `Error.stackTraceLimit` may be anything, too.
 */
const { captureStackTrace } = Error;
const { getOwnPropertyDescriptor } = Object;

/**
 * Calls `run` while V8 captures at most this number of frames; or the program's number, if it is
 * not writable. Undefined: V8 captures no stack, and does not call the program when `stack` is
 * replaced.
 */
export function withStackLimit<T>(frames: number | undefined, run: () => T): T {
  // By its descriptor, so that no getter of the program runs.
  const limit = getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  if (limit?.writable !== true) return run();
  Error.stackTraceLimit = frames as number;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit.value;
  }
}

/** Puts the stack of the caller of `below` on the object; `stackOf` formats it. */
export function takeStack(holder: object, below: (...args: never[]) => unknown): void {
  captureStackTrace(holder, below);
}

/** The stack as text; undefined if there is none, or if the program's code throws. */
export function stackOf(holder: object): string | undefined {
  try {
    const { stack } = holder as { readonly stack?: unknown };
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined;
  }
}
