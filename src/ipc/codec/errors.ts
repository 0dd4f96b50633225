/**
 * Takes errors apart, and puts them together again.
 *
 * An error arrives as an instance of the nearest built-in class, with its message, stack, cause,
 * code and own enumerable properties. An instance of a user's class arrives as that built-in, with
 * the user's name. A part that cannot be sent must not cost the error: a property is dropped, a
 * cause described.
 */

import { cutOwnFrames } from '../../shared/own-frames.js';
import { withStackLimit } from '../../shared/stack.js';
import { chainOf, ownData } from './kinds.js';

const NATIVE: readonly (abstract new (...args: never) => Error)[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
];
const Aggregate: new (errors: readonly unknown[]) => Error = AggregateError;
const AGGREGATE: number = NATIVE.length;
const DOM: number = AGGREGATE + 1;
const NAMES: readonly string[] = [...NATIVE.map(({ name }) => name), 'AggregateError'];
const PROTOTYPES: readonly object[] = [...NATIVE.map(({ prototype }) => prototype), AggregateError.prototype];
const Exception: typeof DOMException = DOMException;
const DOM_PROTOTYPE: object = Exception.prototype;
/**
 * Properties of built-in classes that are not enumerable (`suppressed` and `error`: of
 * SuppressedError).
 */
const HIDDEN: readonly string[] = ['cause', 'code', 'errors', 'error', 'suppressed'];

/** One property of an error, in the order of its record. */
export type Field = readonly [key: string, value: unknown, enumerable: boolean];

export interface Anatomy {
  readonly kind: number;
  readonly fixed: readonly [message: string, name: string] | undefined;
}

export function anatomyOf(error: object): Anatomy {
  const chain = chainOf(error);
  if (chain.includes(DOM_PROTOTYPE)) return { kind: DOM, fixed: [string(read(error, 'message')), string(read(error, 'name'))] };
  for (const at of chain) {
    const kind = PROTOTYPES.indexOf(at);
    if (kind >= 0) return { kind, fixed: undefined };
  }
  // An error of another realm (vm, a test runner) is recognised by the names of its classes.
  for (const at of chain) {
    const kind = NAMES.indexOf(string(ownData(at, 'name')));
    if (kind >= 0) return { kind, fixed: undefined };
  }
  return { kind: 0, fixed: undefined };
}

/** The properties to send, each read once. A property whose getter throws is left out. */
export function fieldsOf(error: object, kind: number): Field[] {
  const fields: Field[] = [];
  const add = (key: string, value: unknown): void => {
    fields.push([key, value, isEnumerable(error, key)]);
  };
  if (kind !== DOM) {
    const message = read(error, 'message');
    if (Object.hasOwn(error, 'message') || (typeof message === 'string' && message !== '')) add('message', message);
    const name = nameOf(error, kind);
    if (name !== undefined) add('name', name);
  }
  // Always sent, even if undefined: the error must not get a stack of the place where it arrives.
  const stack = read(error, 'stack');
  fields.push(['stack', typeof stack === 'string' ? cutOwnFrames(stack) : undefined, isEnumerable(error, 'stack')]);
  for (const key of HIDDEN) if (Object.hasOwn(error, key)) add(key, read(error, key));
  if (kind !== DOM && !Object.hasOwn(error, 'code')) {
    const code = read(error, 'code'); // a getter of its class
    if (typeof code === 'string' || typeof code === 'number') add('code', code);
  }
  const done = new Set(fields.map(([key]) => key));
  for (const key of Object.keys(error)) if (!done.has(key)) fields.push([key, read(error, key), true]);
  return fields.filter(([, value]) => value !== FAILED);
}

/** The `name` to send; undefined if the built-in class that the error arrives as has the same. */
function nameOf(error: object, kind: number): string | undefined {
  const name = read(error, 'name');
  const inherited = NAMES[kind];
  if (typeof name === 'string' && name !== inherited) return name;
  if (Object.hasOwn(error, 'name')) return typeof name === 'string' ? name : undefined;
  if (Object.getPrototypeOf(error) === PROTOTYPES[kind]) return undefined;
  // A subclass that does not set `name`: the name of its constructor says more. But Node's classes
  // are all called NodeError.
  const maker = read(error, 'constructor');
  const called = typeof maker === 'function' ? read(maker, 'name') : undefined;
  return typeof called !== 'string' || called === '' || called === 'NodeError' || called === inherited ? undefined : called;
}

const FAILED: unique symbol = Symbol('the getter threw');

function read(object: object, key: string): unknown {
  try {
    return (object as Record<string, unknown>)[key];
  } catch {
    return FAILED; // the rest of the error matters more
  }
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isEnumerable(object: object, key: string): boolean {
  return Object.prototype.propertyIsEnumerable.call(object, key);
}

/** Whether the constructor of `kind` alone can set message and name. */
export function hasText(kind: number): boolean {
  return kind === DOM;
}

/** A bare error of `kind`, without a stack. `text` reads what only its constructor can set. */
export function errorOf(kind: number, text: () => string): Error {
  // Capturing a stack, only to replace it, would cost ten times the rest.
  const error = withStackLimit(undefined, () => bare(kind, text));
  // If one was captured all the same, Node 20 would format it, with the program's hook, before it
  // takes another.
  Reflect.deleteProperty(error, 'stack');
  return error;
}

function bare(kind: number, text: () => string): Error {
  if (kind === DOM) {
    const message = text();
    return new Exception(message, text()) as Error;
  }
  if (kind === AGGREGATE) return new Aggregate([]);
  const Native = NATIVE[kind] as (new () => Error) | undefined;
  if (Native === undefined) throw new Error(`an error of unknown kind ${kind}`);
  return new Native();
}

/** @param record key, value, enumerable, key, … */
export function fill(error: Error, record: unknown): void {
  if (!Array.isArray(record) || record.length % 3 !== 0) throw new Error('an error without its record');
  for (let i = 0; i < record.length; i += 3) {
    const key: unknown = record[i];
    if (typeof key !== 'string') throw new Error('an error whose property has no name');
    define(error, key, record[i + 1], record[i + 2] === true);
  }
}

/**
 * The descriptor has no prototype, because a property `get` of `Object.prototype` would change it.
 */
export function define(object: object, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(object, key, { __proto__: null, value, writable: true, configurable: true, enumerable } as PropertyDescriptor);
}
