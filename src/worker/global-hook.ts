/**
 * Connects the task module's `everpool/worker` to the runner of its process.
 *
 * The connection is a global symbol, not a shared module, because the task module may resolve the
 * package to another copy of its files than the entry (a symlink, a bundle, a nested node_modules).
 */

import type { StartHook, StopHook } from './hooks.js';
import type { TaskContext } from './task-context.js';

const KEY: symbol = Symbol.for('everpool.worker');

export interface GlobalHook {
  /** The context of the running task. @throws EverpoolError outside a task */
  context(): TaskContext;
  /** Tracks each task through its asynchronous calls from now on: its context may be asked for. */
  track(): void;
  onStart(hook: StartHook): void;
  onStop(hook: StopHook): void;
}

export function installGlobalHook(link: GlobalHook): void {
  Object.defineProperty(globalThis, KEY, { value: link, configurable: true });
}

/**
 * Undefined in a process that is not a worker. The worker may run another version of this package
 * than the caller: then methods may be missing.
 */
export function globalHook(): Partial<GlobalHook> | undefined {
  const link = (globalThis as unknown as Record<symbol, Partial<GlobalHook> | undefined>)[KEY];
  return typeof link === 'object' && link !== null ? link : undefined;
}
