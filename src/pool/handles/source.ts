/** Functions by their source, for `exec`. */
import { OptionsError } from '../../shared/errors.js';
import { safeRead } from '../../shared/program.js';
import type { Rooms } from '../pool-context.js';
import type { Work } from './submit.js';

// Captured: the program may replace them.
const { apply } = Reflect;
const sourceOf = Function.prototype.toString;

/** @throws OptionsError */
export function execSource(fn: unknown): string {
  if (typeof fn !== 'function') throw new OptionsError(`fn: expected a function, got ${fn === null ? 'null' : typeof fn}`);
  const source = apply(sourceOf, fn, []) as string;
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new OptionsError(`fn: expected a function with a source, got '${execName(fn)}', which is native or bound`);
  }
  return source;
}

/** The name of the function, if it has one that is a string. */
export function execName(fn: object): string {
  const name = safeRead(fn, 'name');
  return typeof name === 'string' && name !== '' ? name : 'exec';
}

export function execWork(core: Rooms, name: string, source: string): Work {
  return { stats: core.names.ofSource(name, source), isExec: true };
}
