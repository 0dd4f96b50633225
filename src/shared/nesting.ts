/**
 * The nesting of pools, as a worker sees it: the task modules on whose behalf the worker and its
 * ancestors were started.
 *
 * A worker gets them by its environment, because modules that Node preloads run before anything
 * else of this package. Once the worker's entry runs, they move to a global symbol and the
 * environment is as the program set it, for the processes that tasks start.
 */
const VARIABLE = 'EVERPOOL_WITHIN';
const KEY: symbol = Symbol.for('everpool.nesting');

export interface Nesting {
  /** The keys of the modules, from the outermost pool that no task made to this worker's own. */
  readonly modules: readonly string[];
  /** `preload`: nothing of this package has run yet. `task`: a task runs. */
  readonly phase: 'preload' | 'task' | 'between';
}

interface Inherited {
  readonly parent: number;
  readonly modules: readonly string[];
}

/** Undefined in a process that is not a worker. */
export function nesting(): Nesting | undefined {
  const installed = (globalThis as unknown as Record<symbol, Nesting | undefined>)[KEY];
  if (installed !== undefined) return installed;
  const inherited = readInherited();
  return inherited === undefined ? undefined : { modules: inherited.modules, phase: 'preload' };
}

/** For the environment of a worker that this process starts. */
export function withinVariable(modules: readonly string[]): Record<string, string> {
  const inherited: Inherited = { parent: process.pid, modules };
  return { [VARIABLE]: JSON.stringify(inherited) };
}

/** Called when the worker's entry begins. */
export function enterWorker(isInTask: () => boolean): void {
  const modules = readInherited()?.modules ?? [];
  delete process.env[VARIABLE];
  const value: Nesting = {
    modules,
    get phase() {
      return isInTask() ? 'task' : 'between';
    },
  };
  Object.defineProperty(globalThis, KEY, { value, configurable: true });
}

/**
 * A process that a preloaded module of a worker starts inherits the variable too. It names the
 * worker's parent, so that it counts for the worker alone.
 */
function readInherited(): Inherited | undefined {
  const text = process.env[VARIABLE];
  if (text === undefined) return undefined;
  try {
    const inherited = JSON.parse(text) as Inherited;
    return inherited.parent === process.ppid && Array.isArray(inherited.modules) ? inherited : undefined;
  } catch {
    return undefined; // not set by this package
  }
}
