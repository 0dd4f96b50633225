/** Compiles the sources that `exec` sends to functions. */
import type { TaskFunction } from './platform.js';

/** Functions compiled by esbuild, and so by tsx, refer to this helper of their module. */
function nameOf(target: object, value: string): object {
  return Object.defineProperty(target, 'name', { value, configurable: true });
}

// Strict first, as in an ES module. A source that is valid only in sloppy mode comes from CommonJS.
const MODES = ["'use strict'; ", ''];
// An arrow or function expression; or else a method, whose source is valid only in an object.
const SHAPES: readonly ((source: string) => string)[] = [
  (source) => `return (${source}\n)`,
  (source) => `return Object.getOwnPropertyDescriptors({${source}\n})`,
];

/**
 * @param source from `Function.prototype.toString`: an arrow function, a function or a method,
 * async or not, generator or not
 * @throws SyntaxError when it is none of these
 */
export function compile(source: string): TaskFunction {
  let failure: unknown;
  for (const mode of MODES) {
    for (const [index, shape] of SHAPES.entries()) {
      let made: unknown;
      try {
        made = new Function('__name', mode + shape(source))(nameOf);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        failure ??= error;
        continue;
      }
      const fn = index === 0 ? made : onlyMethod(made as Record<PropertyKey, PropertyDescriptor>);
      if (typeof fn === 'function') return fn as TaskFunction;
      throw new TypeError(`the source of exec is not a function: ${source.slice(0, 100)}`);
    }
  }
  if (source.includes('[native code]')) {
    throw new SyntaxError('exec cannot send a bound or built-in function: its source cannot be read', { cause: failure });
  }
  throw failure;
}

function onlyMethod(descriptors: Record<PropertyKey, PropertyDescriptor>): unknown {
  const keys = Reflect.ownKeys(descriptors);
  return keys.length === 1 ? descriptors[keys[0] as PropertyKey]?.value : undefined;
}
