/**
 * What a worker knows of the pools around it: the task modules on whose account it and its ancestors were started.
 *
 * It comes by the environment, as what Node preloads runs before anything else of this package; from the entry on it hangs on a
 * global symbol, and the environment is as the program gave it, for the processes that tasks start.
 */
const VARIABLE = 'EVERPOOL_WITHIN';
const KEY: symbol = Symbol.for('everpool.nesting');

export interface Nesting {
  /** The keys of the modules, from the outermost pool that was not made by a task to this worker's own. */
  readonly modules: readonly string[];
  /** `preload`: nothing of this package has run yet. `task`: a task runs. */
  readonly phase: 'preload' | 'task' | 'between';
}

interface Told {
  readonly parent: number;
  readonly modules: readonly string[];
}

/** Undefined in a process that is no worker. */
export function nesting(): Nesting | undefined {
  const installed = (globalThis as unknown as Record<symbol, Nesting | undefined>)[KEY];
  if (installed !== undefined) return installed;
  const told = read();
  return told === undefined ? undefined : { modules: told.modules, phase: 'preload' };
}

/** For the environment of a worker of this process. */
export function withinVariable(modules: readonly string[]): Record<string, string> {
  const told: Told = { parent: process.pid, modules };
  return { [VARIABLE]: JSON.stringify(told) };
}

/** The worker's entry has begun. */
export function enterWorker(isInTask: () => boolean): void {
  const modules = read()?.modules ?? [];
  delete process.env[VARIABLE];
  const value: Nesting = {
    modules,
    get phase() {
      return isInTask() ? 'task' : 'between';
    },
  };
  Object.defineProperty(globalThis, KEY, { value, configurable: true });
}

/** A process that a worker starts inherits the variable if a preload starts it: it names the parent, so it counts for the worker alone. */
function read(): Told | undefined {
  const text = process.env[VARIABLE];
  if (text === undefined) return undefined;
  try {
    const told = JSON.parse(text) as Told;
    return told.parent === process.ppid && Array.isArray(told.modules) ? told : undefined;
  } catch {
    return undefined; // somebody else's
  }
}
