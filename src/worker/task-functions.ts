/** Finds the functions that a task module offers. */
import type { TaskFunction } from './platform.js';

/** Node's name for the whole CommonJS export, beside `default`. */
const CJS_EXPORT = 'module.exports';

/**
 * Every exported function, `default` included. A default export that is a plain object and contains
 * every named function is the export of a CommonJS module: then its members count too, because Node
 * detects only some of them as named exports.
 */
export function taskFunctions(namespace: Record<string, unknown>): Map<string, TaskFunction> {
  const functions = new Map<string, TaskFunction>();
  for (const name of Object.keys(namespace)) {
    const value = namespace[name];
    if (name !== CJS_EXPORT && typeof value === 'function') functions.set(name, value as TaskFunction);
  }
  const whole = namespace['default'];
  if (!isPlainObject(whole)) return functions;
  for (const [name, fn] of functions) if (whole[name] !== fn) return functions;
  for (const name of Object.keys(whole)) {
    const value = whole[name];
    // Bound, so that one member may call another through `this`, as it can in the module itself.
    if (typeof value === 'function' && !functions.has(name)) functions.set(name, value.bind(whole) as TaskFunction);
  }
  return functions;
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
