/**
 * The stack of the code that runs, as V8 tells it. The program may have its own `Error.prepareStackTrace`, which V8 calls when a
 * stack is first read: it may throw, give anything, and call the pool. And `Error.stackTraceLimit` may be anything.
 */
const { captureStackTrace } = Error;
const { getOwnPropertyDescriptor } = Object;

/**
 * Calls it while V8 takes stacks of at most so many frames; as many as the program wants, where it does not let that be changed.
 * Undefined: none, and the program is not asked to print it when another is put in its place.
 */
export function withStackLimit<T>(frames: number | undefined, run: () => T): T {
  // By its descriptor: no getter of the program runs.
  const limit = getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  if (limit?.writable !== true) return run();
  Error.stackTraceLimit = frames as number;
  try {
    return run();
  } finally {
    Error.stackTraceLimit = limit.value;
  }
}

/** Puts the stack of the caller of `below` on the object: its text is made when it is read (`stackOf`). */
export function takeStack(holder: object, below: (...args: never[]) => unknown): void {
  captureStackTrace(holder, below);
}

/** The stack as text; undefined if there is none, or if the program's code does not give one. */
export function stackOf(holder: object): string | undefined {
  try {
    const { stack } = holder as { readonly stack?: unknown };
    return typeof stack === 'string' ? stack : undefined;
  } catch {
    return undefined;
  }
}
