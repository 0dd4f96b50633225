/**
 * `everpool/worker`: what a task module can ask of the worker that runs it.
 *
 * A task module is also imported outside workers, by the program for its types and by unit tests:
 * there the hooks are ignored.
 */
import { EverpoolError, OptionsError } from '../shared/errors.js';
import { nesting } from '../shared/nesting.js';
import { type GlobalHook, globalHook } from './global-hook.js';
import type { TaskContext } from './task-context.js';

export type { TaskContext } from './task-context.js';

/**
 * True in a worker process of a pool, including modules that Node preloads into it.
 *
 * @example
 * if (!isWorker) startServer();
 */
export const isWorker: boolean = globalHook() !== undefined || nesting() !== undefined;

globalHook()?.track?.();

/**
 * Returns the running task's view of itself: its id, its AbortSignal, its way to report progress.
 * It belongs to the task that calls, also after an `await` and with other tasks in the same worker.
 *
 * @throws EverpoolError `ERR_EVERPOOL_NO_CONTEXT` outside a task
 * @throws EverpoolError `ERR_EVERPOOL_VERSION` if the worker belongs to another version of everpool
 * @example
 * for (const row of rows) {
 *   context().checkpoint();
 *   work(row);
 * }
 */
export function context(): TaskContext {
  const link = globalHook();
  if (link !== undefined) return offered(link, 'context')();
  throw new EverpoolError('context() was called in a process that is not an everpool worker', 'ERR_EVERPOOL_NO_CONTEXT');
}

/**
 * Registers a hook that runs in every worker, after the task module is imported and before the
 * worker is ready. Hooks run one after the other in the order of registration, and may be async; if
 * one throws, the worker does not start. Ignored outside a worker.
 *
 * @param hook called with the `workerData` of the pool
 * @throws OptionsError `ERR_EVERPOOL_OPTIONS` if `hook` is not a function
 * @throws EverpoolError `ERR_EVERPOOL_TOO_LATE` if the worker has already started
 * @throws EverpoolError `ERR_EVERPOOL_VERSION` if the worker belongs to another version of everpool
 * @example
 * let db: Database;
 * onStart(async (workerData) => {
 *   db = await connect(workerData as string);
 * });
 */
export function onStart(hook: (workerData: unknown) => void | Promise<void>): void {
  check('onStart', hook);
  const link = globalHook();
  if (link !== undefined) offered(link, 'onStart')(hook);
}

/**
 * Registers a hook that runs before a worker exits by itself or by SIGTERM. Hooks run one after the
 * other in the order of registration, and may be async, until the kill ladder's next step. Ignored
 * outside a worker.
 *
 * A worker with a stop hook that spins in synchronous code ignores SIGTERM: only SIGKILL ends it.
 *
 * @throws OptionsError `ERR_EVERPOOL_OPTIONS` if `hook` is not a function
 * @throws EverpoolError `ERR_EVERPOOL_VERSION` if the worker belongs to another version of everpool
 * @example
 * onStop(() => db.close());
 */
export function onStop(hook: () => void | Promise<void>): void {
  check('onStop', hook);
  const link = globalHook();
  if (link !== undefined) offered(link, 'onStop')(hook);
}

function offered<K extends keyof GlobalHook>(link: Partial<GlobalHook>, name: K): GlobalHook[K] {
  const method = link[name];
  if (typeof method === 'function') return method as GlobalHook[K];
  const message = `${name}() is unknown to this worker: the task module uses another version of everpool than the program. Install or bundle one version`;
  throw new EverpoolError(message, 'ERR_EVERPOOL_VERSION');
}

function check(name: string, hook: unknown): void {
  if (typeof hook === 'function') return;
  throw new OptionsError(`${name}(hook): expected a function, got ${hook === null ? 'null' : typeof hook}`);
}
