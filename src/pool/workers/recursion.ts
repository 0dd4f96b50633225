/**
 * Pools that would start others of their own kind without end: a program that is its own task module, or a preload that makes a
 * pool, runs in each worker, which makes a pool, whose workers …
 *
 * A pool that a task makes is the program's decision, of whatever module: it is made when that task is run, and not before.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EverpoolError } from '../../shared/errors.js';
import { type Nesting, nesting } from '../../shared/nesting.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';

/**
 * The modules that the workers of a pool made here and now are within, theirs included.
 *
 * @throws EverpoolError (ERR_EVERPOOL_NESTED)
 */
export function modulesWithin({ module, name }: Pick<ResolvedPoolOptions, 'module' | 'name'>, preloads: readonly string[]): string[] {
  const around = nesting();
  const key = keyOf(module);
  if (around === undefined || around.phase === 'task') return [key];
  if (around.phase === 'preload') refusePreload(name, preloads);
  if (around.modules.includes(key)) throw refusal(name, `the task module ${module ?? '(none)'}`, around);
  return [...around.modules, key];
}

/** What runs in the preload phase is one of the preloads, and would run again in each worker that has all of them. */
function refusePreload(name: string, preloads: readonly string[]): void {
  const own = preloadsOf(process.execArgv, process.env['NODE_OPTIONS']);
  if (own.length === 0 || !own.every((each) => preloads.includes(each))) return;
  throw new EverpoolError(
    `the pool '${name}' is made by a worker while it preloads ${own.join(' ')}, and its own workers would preload the same: each would start others, without end. ` +
      "Give the pool an execArgv without that, or make it only where isWorker (of 'everpool/worker') is false",
    'ERR_EVERPOOL_NESTED',
  );
}

function refusal(name: string, what: string, { modules }: Nesting): EverpoolError {
  const chain = modules.length > 1 ? ` (the workers around it load ${modules.join(', ')})` : '';
  return new EverpoolError(
    `the pool '${name}' is made by a worker, outside of any task, and its workers would load ${what}, as this one does${chain}: each would start others, without end. ` +
      "Make it only where isWorker (of 'everpool/worker') is false, or put the tasks into a module that makes no pool",
    'ERR_EVERPOOL_NESTED',
  );
}

/** What Node's options load before anything else, by whatever name. */
export function preloadsOf(argv: readonly string[], nodeOptions = ''): string[] {
  const all = [...argv, ...nodeOptions.split(/\s+/)];
  return all.flatMap((argument, index) => {
    const match = /^(?:--require|-r|--import|--loader|--experimental-loader)(?:=(.*))?$/s.exec(argument);
    return match === null ? [] : [match[1] ?? all[index + 1] ?? ''];
  });
}

/** The same for the same file, by whatever name, and with whatever behind it (`?v=2`). */
function keyOf(module: string | undefined): string {
  if (module === undefined) return '';
  if (!module.startsWith('file:')) return module;
  try {
    const url = new URL(module);
    url.search = '';
    url.hash = '';
    return realpathSync(fileURLToPath(url));
  } catch {
    return module; // not there, or not to be read: it says so when it is loaded
  }
}
