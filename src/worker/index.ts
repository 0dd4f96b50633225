/**
 * `everpool/worker`: what a task module may ask of the worker that runs it.
 *
 * A task module is also imported where there is no worker, by the program for its types and by unit
 * tests: there the hooks are ignored.
 */
import { EverpoolError, OptionsError } from '../shared/errors.js';
import { nesting } from '../shared/nesting.js';
import { type GlobalHook, globalHook } from './global-hook.js';
import type { TaskContext } from './task-context.js';

export type { TaskContext } from './task-context.js';

/** True in a worker process of a pool. */
export const isWorker: boolean = globalHook() !== undefined || nesting() !== undefined; // also in what Node preloads into one

globalHook()?.track?.();

/**
 * The running task's view of itself: its id, its AbortSignal, its way to report progress. It belongs to
 * the task that called, also after an `await` and with other tasks in the same worker.
 *
 * @throws EverpoolError `ERR_EVERPOOL_NO_CONTEXT` outside of a task
 * @example
 * for (const row of rows) {
 *   context().checkpoint();
 *   work(row);
 * }
 */
export function context(): TaskContext {
  const link = globalHook();
  if (link !== undefined) return offered(link, 'context')();
  throw new EverpoolError('context() was called in a process that is no everpool worker', 'ERR_EVERPOOL_NO_CONTEXT');
}

/**
 * Registers a hook that runs in every worker after the task module was imported and before the worker is ready,
 * in the order of registration. It may be async; if it throws, the worker does not start. Outside of a worker it is ignored.
 *
 * @throws OptionsError `ERR_EVERPOOL_OPTIONS` when it is no function
 * @throws EverpoolError `ERR_EVERPOOL_TOO_LATE` when the worker has already started
 */
export function onStart(hook: (workerData: unknown) => void | Promise<void>): void {
  check('onStart', hook);
  const link = globalHook();
  if (link !== undefined) offered(link, 'onStart')(hook);
}

/**
 * Registers a hook that runs before a worker leaves of its own or on SIGTERM, in the order of registration. It has
 * until the kill ladder's next step. Outside of a worker it is ignored.
 *
 * A worker with a stop hook that spins in synchronous code is deaf to SIGTERM: only SIGKILL ends it.
 *
 * @throws OptionsError `ERR_EVERPOOL_OPTIONS` when it is no function
 */
export function onStop(hook: () => void | Promise<void>): void {
  check('onStop', hook);
  const link = globalHook();
  if (link !== undefined) offered(link, 'onStop')(hook);
}

function offered<K extends keyof GlobalHook>(link: Partial<GlobalHook>, name: K): GlobalHook[K] {
  const method = link[name];
  if (typeof method === 'function') return method as GlobalHook[K];
  const message = `${name}() is nothing that the everpool of this worker knows: the task module comes with another version of everpool than the program. Install or bundle one version`;
  throw new EverpoolError(message, 'ERR_EVERPOOL_VERSION');
}

function check(name: string, hook: unknown): void {
  if (typeof hook === 'function') return;
  throw new OptionsError(`${name}(hook): expected a function, got ${hook === null ? 'null' : typeof hook}`);
}
