/**
 * Classifies objects for the codec, without running the program's code: no getter, no trap, no
 * `instanceof`.
 *
 * Built-in objects with internal slots are recognised by these (`util.types`), in any realm. Others
 * are recognised by their prototypes: an instance of a user's class travels as its own fields,
 * while an instance of a class of Node or of the platform would lose its state.
 */
import { types } from 'node:util';
import { serialize } from 'node:v8';
import { extensionOf } from './extensions.js';

export const Kind = { Ordinary: 0, Leaf: 1, Map: 2, Set: 3, Error: 4, Binary: 5, Extension: 6, Unknown: 7 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const { getOwnPropertyDescriptor, getOwnPropertyNames, getOwnPropertySymbols, getPrototypeOf, prototype: OBJECT } = Object;
const ERROR: object = Error.prototype;
const DOM_EXCEPTION: object = DOMException.prototype;
const { isView } = ArrayBuffer;
const functionText = Function.prototype.toString;
const { apply } = Reflect;
const { toStringTag } = Symbol;
const { getBuiltinModule } = process;
const NATIVE = /\{ \[native code\] \}$/;

export function kindOf(value: object): Kind {
  if (types.isDate(value) || types.isRegExp(value)) return Kind.Leaf;
  if (types.isMap(value)) return Kind.Map;
  if (types.isSet(value)) return Kind.Set;
  if (isView(value) || types.isAnyArrayBuffer(value)) return Kind.Binary;
  if (types.isNativeError(value)) return Kind.Error;
  if (types.isBoxedPrimitive(value)) return types.isSymbolObject(value) ? Kind.Unknown : Kind.Leaf;
  const prototype = getPrototypeOf(value) as object | null;
  if (prototype === null) return types.isModuleNamespaceObject(value) ? Kind.Unknown : Kind.Ordinary;
  return classOf(prototype).kind;
}

/** The row of an object of Kind.Extension in the table of extensions.ts. */
export function rowOf(value: object): number {
  return classOf(getPrototypeOf(value) as object).row;
}

/** Whether an object without fields has other state, which would be lost. */
export function hidesState(value: object): boolean {
  const prototype = getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === OBJECT || isRoot(prototype)) return false;
  if (getOwnPropertySymbols(value).length > 0 || classOf(prototype).hasGetters) return true;
  try {
    serialize(value); // V8 recognises its own objects; there are no getters to run
    return false;
  } catch {
    return true;
  }
}

/**
 * Whether `value` inherits from `prototype`, as far as its prototypes can be followed without
 * running a trap.
 */
export function hasPrototype(value: object, prototype: object): boolean {
  for (const at of chainOf(getPrototypeOf(value) as object | null)) if (at === prototype) return true;
  return false;
}

/** `from` and its prototypes, up to a Proxy. */
export function chainOf(from: object | null): object[] {
  const chain: object[] = [];
  for (let at = from; at !== null && !types.isProxy(at); at = getPrototypeOf(at) as object | null) chain.push(at);
  return chain;
}

/** The value of an own property that is not a getter. */
export function ownData(object: object, key: PropertyKey): unknown {
  return getOwnPropertyDescriptor(object, key)?.value;
}

/** The same of an own or inherited property. */
export function inheritedData(object: object, key: PropertyKey): unknown {
  for (const at of chainOf(object)) {
    const found = getOwnPropertyDescriptor(at, key);
    if (found !== undefined) return found.value;
  }
  return undefined;
}

// ---- classes

interface Class {
  readonly kind: Kind;
  readonly row: number;
  /** Its state is behind getters. */
  readonly hasGetters: boolean;
}

const classes = new WeakMap<object, Class>();

/**
 * Objects with these tags have more state than their fields, even if jsdom, undici or a polyfill
 * made their class.
 */
const TAGS: readonly string[] = (
  'AbortController AbortSignal Blob BroadcastChannel CryptoKey Event EventTarget File FormData KeyObject MessagePort Promise ' +
  'ReadableStream Request Response TransformStream WeakMap WeakRef WeakSet WebSocket WritableStream'
).split(' ');

/** Classes of Node, written in JavaScript, whose instances have more state than their fields. */
const NODE: readonly { readonly module: string; readonly classes: readonly string[] }[] = [
  { module: 'stream', classes: ['Stream'] },
  { module: 'net', classes: ['Server', 'BlockList', 'SocketAddress'] },
  { module: 'dgram', classes: ['Socket'] },
  { module: 'http', classes: ['Agent'] },
  { module: 'child_process', classes: ['ChildProcess'] },
  { module: 'worker_threads', classes: ['Worker'] },
  { module: 'cluster', classes: ['Worker'] },
  { module: 'readline', classes: ['Interface'] },
  { module: 'dns', classes: ['Resolver'] },
  { module: 'string_decoder', classes: ['StringDecoder'] },
  { module: 'async_hooks', classes: ['AsyncLocalStorage', 'AsyncResource'] },
  { module: 'diagnostics_channel', classes: ['Channel'] },
  { module: 'inspector', classes: ['Session'] },
  { module: 'crypto', classes: ['X509Certificate'] },
  { module: 'util', classes: ['MIMEType', 'MIMEParams'] },
];
/**
 * Objects with the internal slots of these classes are recognised before. Another object with their
 * prototype travels as its fields, as in structured clone.
 */
const CARRIED = /^(?:Object|Function|Array|Map|Set|Date|RegExp|Number|String|Boolean|BigInt|DataView|Buffer|\w*Array|\w*ArrayBuffer)$/;

function classOf(prototype: object): Class {
  let known = classes.get(prototype);
  if (known === undefined) {
    known = classify(prototype);
    classes.set(prototype, known);
  }
  return known;
}

function classify(prototype: object): Class {
  let hasGetters = false;
  for (const at of chainOf(prototype)) {
    if (at === ERROR || at === DOM_EXCEPTION) return { kind: Kind.Error, row: -1, hasGetters };
    if (isRoot(at)) break;
    const tag = ownData(at, toStringTag);
    if (typeof tag === 'string') {
      const row = extensionOf(tag);
      if (row >= 0) return { kind: Kind.Extension, row, hasGetters };
      if (TAGS.includes(tag)) return { kind: Kind.Unknown, row, hasGetters };
      hasGetters = true;
    }
    if (isOfNode(at)) return { kind: Kind.Unknown, row: -1, hasGetters };
    hasGetters ||= getOwnPropertyNames(at).some((key) => getOwnPropertyDescriptor(at, key)?.get !== undefined);
  }
  return { kind: Kind.Ordinary, row: -1, hasGetters };
}

/** `Object.prototype` of any realm, or another object without a prototype. */
function isRoot(prototype: object): boolean {
  return getPrototypeOf(prototype) === null;
}

/** Whether `prototype` belongs to a class of V8 or Node. */
function isOfNode(prototype: object): boolean {
  const maker = ownData(prototype, 'constructor');
  if (typeof maker !== 'function' || types.isProxy(maker) || ownData(maker, 'prototype') !== prototype) return false;
  const name = ownData(maker, 'name');
  // `process.env` has a class without a name.
  if (typeof name !== 'string' || name === '') return false;
  if (NATIVE.test(apply(functionText, maker, []))) return !CARRIED.test(name);
  // A name proves nothing, but it justifies loading the module that exports the class.
  return NODE.some(({ module, classes: names }) => names.includes(name) && isExportOf(module, name, maker));
}

function isExportOf(module: string, name: string, maker: unknown): boolean {
  try {
    const exports = getBuiltinModule(module) as Record<string, unknown> | undefined;
    return exports?.[name] === maker;
  } catch {
    return false; // this Node has no such module
  }
}
