/** Functions by their source, for `exec`. */
import { OptionsError } from '../shared/errors.js';
import type { Rooms } from './rooms.js';
import type { Work } from './submit.js';

/** @throws OptionsError */
export function execSource(fn: unknown): string {
  if (typeof fn !== 'function') throw new OptionsError(`fn: expected a function, got ${fn === null ? 'null' : typeof fn}`);
  const source = Function.prototype.toString.call(fn);
  if (/\{\s*\[native code\]\s*\}\s*$/.test(source)) {
    throw new OptionsError(`fn: expected a function with a source, got '${fn.name}', which is native or bound`);
  }
  return source;
}

export function execWork(core: Rooms, name: string, source: string): Work {
  return { stats: core.names.ofSource(name, source), isExec: true };
}
