/** The names of what is captured, and the code that captures it. */

/** Of built-in types, what the compiler calls them, and what they are called. */
const TYPES = new Map(
  Object.entries({
    Array: 'Array',
    ReadonlyArray: 'Array',
    Map: 'Map',
    ReadonlyMap: 'Map',
    Set: 'Set',
    ReadonlySet: 'Set',
    WeakMap: 'WeakMap',
    WeakSet: 'WeakSet',
    Promise: 'Promise',
    String: 'String',
    Number: 'Number',
    BigInt: 'BigInt',
    Symbol: 'Symbol',
    RegExp: 'RegExp',
    Object: 'Object',
    Function: 'Function',
    CallableFunction: 'Function',
    NewableFunction: 'Function',
    Buffer: 'Buffer',
    ArrayBuffer: 'ArrayBuffer',
    Uint8Array: 'Uint8Array',
    Uint16Array: 'Uint16Array',
    Uint32Array: 'Uint32Array',
    Int32Array: 'Int32Array',
    Float64Array: 'Float64Array',
    BigUint64Array: 'BigUint64Array',
    AbortController: 'AbortController',
  }),
);
/** Properties that are functions in disguise. Not the length of typed arrays: Node's own code reads it so, and we do too often (ipc/frame.ts). */
const GETTERS = new Set([
  'Map.size',
  'Set.size',
  'AbortController.signal',
  'Uint8Array.buffer',
  'Uint8Array.byteOffset',
  'ArrayBuffer.byteLength',
]);
/** Properties of globals that do not change while a process lives, but which tests like to mock. */
const CONSTANTS = new Set([
  'process.platform',
  'process.pid',
  'process.execPath',
  'process.arch',
  'process.versions',
  'performance.timeOrigin',
]);
/** Their functions need their `this`; those of all other globals do not. */
const NEEDS_THIS = /^(process|performance|Promise|\w+Array)\b/;
/** Those that would look `then` or `resolve` up. */
const REPLACED = new Map([
  ['Promise.prototype.catch', '$catch'],
  ['Promise.prototype.finally', '$finally'],
  ['Promise.all', '$promiseAll'],
  ['Promise.allSettled', '$promiseAllSettled'],
]);

export class Captured {
  #lines = new Map();

  /** The name of a global. */
  global(name) {
    return this.#add(`$${name}`, `value(() => ${name})`);
  }

  /** The name of a function that is a property of a global, or of a constant; undefined: it is read each time. */
  member(owner, key, isFunction) {
    const path = `${owner}.${key}`;
    const replaced = REPLACED.get(path);
    if (replaced !== undefined) return replaced;
    const name = `$${path.replaceAll('.', '_')}`;
    if (CONSTANTS.has(path)) return this.#add(name, `value(() => ${path})`);
    if (!isFunction) return undefined;
    return this.#add(name, NEEDS_THIS.test(owner) ? `bound(() => ${owner}, '${key}')` : `value(() => ${path})`);
  }

  /** The name of a method of a built-in type, as the compiler calls it; undefined: it is none. */
  method(type, key) {
    const known = TYPES.get(type);
    if (known === undefined) return undefined;
    const replaced = REPLACED.get(`${known}.prototype.${key}`);
    if (replaced !== undefined) return replaced;
    return this.#add(`${known}$${key}`, `method(() => ${known}.prototype.${key})`);
  }

  getter(type, key) {
    const known = TYPES.get(type);
    if (!GETTERS.has(`${known}.${key}`)) return undefined;
    return this.#add(`${known}$${key}`, `getter(() => ${known}.prototype, '${key}')`);
  }

  /** Pure: what the bundle of the worker does not use is left out of it. */
  #add(name, code) {
    this.#lines.set(name, code);
    return name;
  }

  code() {
    return [...this.#lines].map(([name, code]) => `export const ${name} = /* @__PURE__ */ ${code};\n`).join('');
  }
}
