/**
 * Values that cannot be sent: their paths, and their descriptions in messages.
 *
 * A path reads like the expression that reaches the value: `args[0].user["first name"]`. The value
 * of a Map's entry is `.get("key")`, a Map's key `.keys()[2]`, a member of a Set `.values()[2]`.
 */
import { types } from 'node:util';
import { inheritedData, ownData } from './kinds.js';

const SHOWN_SEGMENTS = 12;
const SHOWN_CHARS = 60;

/**
 * A value cannot be sent to another process. `cause` is what a getter threw, or the error of V8.
 */
export class UnserialisableError extends Error {
  override readonly name = 'UnserialisableError';
  readonly path: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`${path}: ${reason}`, options);
    this.path = path;
  }
}

/** Collects the path on its way up from the value that cannot be sent. Never leaves the codec. */
export class Refusal extends Error {
  /** The path, from the value outwards. */
  readonly #segments: string[] = [];

  static of(value: unknown): Refusal {
    return new Refusal(`${describe(value)} cannot be sent to another process`);
  }

  /** The object would arrive as `{}`. */
  static hidden(value: object): Refusal {
    return new Refusal(`${describe(value)} cannot be sent to another process: its state is not in fields of its own`);
  }

  /** Not `instanceof`, because a program may throw a Proxy. */
  static is(thrown: unknown): thrown is Refusal {
    return typeof thrown === 'object' && thrown !== null && #segments in thrown;
  }

  within(segment: string): void {
    this.#segments.push(segment);
  }

  get path(): string {
    return joined(this.#segments);
  }
}

export function within(error: unknown, segment: string): unknown {
  if (Refusal.is(error)) error.within(segment);
  return error;
}

/** Makes the public error of any error that ended an encoding. */
export function unserialisable(error: unknown, root: string): UnserialisableError {
  if (Refusal.is(error)) {
    const options = Object.hasOwn(error, 'cause') ? { cause: error.cause } : undefined;
    return new UnserialisableError(root + error.path, error.message, options);
  }
  if (types.isNativeError(error) && /call stack/i.test(text(error))) {
    return new UnserialisableError(root, 'it is nested too deeply to be sent', { cause: error });
  }
  return new UnserialisableError(root, `it cannot be sent to another process: ${text(error)}`, { cause: error });
}

export function field(key: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${clipped(key)}]`;
}

export function item(index: number): string {
  return `[${index}]`;
}

export function entry(key: unknown): string {
  return `.get(${describe(key)})`;
}

/**
 * A short description of any value, for messages. Never throws, and runs no code of the program: no
 * getter, no trap, no `toString`.
 */
export function describe(value: unknown): string {
  try {
    return description(value);
  } catch {
    return typeof value === 'function' ? 'a function' : 'an object'; // the stack is full
  }
}

function description(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return clipped(value);
    case 'bigint':
      return `${clip(value.toString())}n`;
    case 'symbol':
      return `the symbol ${clip(value.toString())}`;
    case 'function': {
      if (types.isProxy(value)) return 'a Proxy';
      const name = nameOf(value);
      return name === '' ? 'a function' : `a function (${name})`;
    }
    case 'object':
      return value === null ? 'null' : ofObject(value);
    default:
      return Object.is(value, -0) ? '-0' : String(value);
  }
}

function ofObject(value: object): string {
  if (types.isProxy(value)) return 'a Proxy';
  if (Array.isArray(value)) return `an Array(${value.length})`;
  if (types.isNativeError(value)) {
    const [name, message] = [word(value, 'name'), word(value, 'message')];
    if (name !== undefined && message !== undefined) return clip(`${name}: ${message}`, SHOWN_CHARS * 3);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return 'an object';
  const made = nameOf(inheritedData(value, 'constructor'));
  const tag = inheritedData(value, Symbol.toStringTag);
  const name = made !== '' && made !== 'Object' ? made : typeof tag === 'string' ? clip(tag) : 'object';
  return /^[AEIO]/i.test(name) ? `an ${name}` : `a ${name}`;
}

function nameOf(maker: unknown): string {
  if (typeof maker !== 'function' || types.isProxy(maker)) return '';
  const name = ownData(maker, 'name');
  return typeof name === 'string' ? clip(name) : '';
}

function word(error: Error, key: 'name' | 'message'): string | undefined {
  const held = inheritedData(error, key);
  return typeof held === 'string' ? held : undefined;
}

/** The message of an error, or a description of any other value that was thrown. */
function text(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  return (types.isNativeError(thrown) ? word(thrown, 'message') : undefined) ?? describe(thrown);
}

function clip(whole: string, limit: number = SHOWN_CHARS): string {
  return whole.length > limit ? `${whole.slice(0, limit)}…` : whole;
}

function clipped(whole: string): string {
  return JSON.stringify(clip(whole));
}

function joined(segments: readonly string[]): string {
  const outwards = [...segments].reverse();
  if (outwards.length <= 2 * SHOWN_SEGMENTS) return outwards.join('');
  return `${outwards.slice(0, SHOWN_SEGMENTS).join('')}…${outwards.slice(-SHOWN_SEGMENTS).join('')}`;
}
