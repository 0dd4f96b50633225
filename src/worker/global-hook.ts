/**
 * What joins the task module's `everpool/worker` to the runner of its process.
 *
 * It hangs on a global symbol, not on a shared module: the task module may resolve the package to
 * another copy of its files than the entry did (a symlink, a bundle, a nested node_modules).
 */

import type { StartHook, StopHook } from './hooks.js';
import type { TaskContext } from './task-context.js';

const KEY: symbol = Symbol.for('everpool.worker');

export interface GlobalHook {
  /** The context of the running task. @throws EverpoolError outside of one */
  context(): TaskContext;
  /** From now on each task is followed through its asynchronous calls: someone may ask for its context. */
  track(): void;
  onStart(hook: StartHook): void;
  onStop(hook: StopHook): void;
}

export function installGlobalHook(link: GlobalHook): void {
  Object.defineProperty(globalThis, KEY, { value: link, configurable: true });
}

/**
 * Undefined in a process that is no worker. The worker may run another version of this package than the one that asks: what
 * it does not offer is missing here.
 */
export function globalHook(): Partial<GlobalHook> | undefined {
  const link = (globalThis as unknown as Record<symbol, Partial<GlobalHook> | undefined>)[KEY];
  return typeof link === 'object' && link !== null ? link : undefined;
}
