/**
 * Refuses pools that would start others like themselves endlessly: a program that is its own task
 * module, or a preload that creates a pool, runs in each worker, which creates a pool, whose
 * workers …
 *
 * A task may create any pool. That is the program's decision, and the pool starts only when the
 * task runs.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EverpoolError } from '../../shared/errors.js';
import { type Nesting, nesting } from '../../shared/nesting.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';

/**
 * Returns the modules around the workers of a pool that is created here and now, including their
 * own.
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

/**
 * Code in the preload phase is one of the preloads, and would run again in each worker that has all
 * of them.
 */
function refusePreload(name: string, preloads: readonly string[]): void {
  const own = preloadsOf(process.execArgv, process.env['NODE_OPTIONS']);
  if (own.length === 0 || !own.every((each) => preloads.includes(each))) return;
  throw new EverpoolError(
    `a worker creates the pool '${name}' while it preloads ${own.join(' ')}; the workers of that pool would preload the same, and start others endlessly. ` +
      "Give the pool an execArgv without that, or create it only where isWorker (from 'everpool/worker') is false",
    'ERR_EVERPOOL_NESTED',
  );
}

function refusal(name: string, what: string, { modules }: Nesting): EverpoolError {
  const chain = modules.length > 1 ? ` (the workers around it load ${modules.join(', ')})` : '';
  return new EverpoolError(
    `a worker creates the pool '${name}' outside of any task; the workers of that pool would load ${what} as well${chain}, and start others endlessly. ` +
      "Create it only where isWorker (from 'everpool/worker') is false, or move the tasks to a module that creates no pool",
    'ERR_EVERPOOL_NESTED',
  );
}

/** The modules that Node's options load before anything else. */
export function preloadsOf(argv: readonly string[], nodeOptions = ''): string[] {
  const all = [...argv, ...nodeOptions.split(/\s+/)];
  return all.flatMap((argument, index) => {
    const match = /^(?:--require|-r|--import|--loader|--experimental-loader)(?:=(.*))?$/s.exec(argument);
    return match === null ? [] : [match[1] ?? all[index + 1] ?? ''];
  });
}

/** A key for a file, the same for all of its names and for any query or hash (`?v=2`). */
function keyOf(module: string | undefined): string {
  if (module === undefined) return '';
  if (!module.startsWith('file:')) return module;
  try {
    const url = new URL(module);
    url.search = '';
    url.hash = '';
    return realpathSync(fileURLToPath(url));
  } catch {
    return module; // missing or unreadable: loading it reports that
  }
}
