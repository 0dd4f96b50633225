/**
 * What cannot be sent, where it stands, and how to name it in a message.
 *
 * Paths read like the expression that reaches the value: `args[0].user["first name"]`; the value of a Map's
 * entry is `.get("key")`, a Map's key `.keys()[2]`, a Set's member `.values()[2]`.
 */
import { types } from 'node:util';

const SHOWN_SEGMENTS = 12;
const SHOWN_CHARS = 60;

/** A value that no process can be sent. `path` names it, `cause` is what a getter threw or V8 said. */
export class UnserialisableError extends Error {
  override readonly name = 'UnserialisableError';
  readonly path: string;

  constructor(path: string, reason: string, options?: ErrorOptions) {
    super(`${path}: ${reason}`, options);
    this.path = path;
  }
}

/** On its way up from the value that cannot be sent, collecting the path; never leaves the codec. */
export class Refusal extends Error {
  /** From the value outwards. */
  readonly segments: string[] = [];

  static of(value: unknown): Refusal {
    return new Refusal(`${describe(value)} cannot be sent to another process`);
  }
}

export function within(error: unknown, segment: string): unknown {
  if (error instanceof Refusal) error.segments.push(segment);
  return error;
}

/** The public error for whatever ended an encoding. */
export function unserialisable(error: unknown, root: string): UnserialisableError {
  if (error instanceof Refusal) {
    const options = Object.hasOwn(error, 'cause') ? { cause: error.cause } : undefined;
    return new UnserialisableError(root + joined(error.segments), error.message, options);
  }
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
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

/** A short description of any value, for messages. Never throws and runs no getter of a plain object. */
export function describe(value: unknown): string {
  try {
    return description(value);
  } catch {
    // Only a hostile value gets here: a throwing `name`, `toString` or prototype trap.
    return typeof value === 'function' ? 'a function' : 'an object';
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
      const name: unknown = value.name;
      return typeof name === 'string' && name !== '' ? `a function (${clip(name)})` : 'a function';
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
  if (types.isNativeError(value)) return clip(`${text(value.name)}: ${text(value.message)}`, SHOWN_CHARS * 3);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return 'an object';
  const named: unknown = value.constructor?.name;
  const name = typeof named === 'string' && named !== '' && named !== 'Object' ? clip(named) : tag(value);
  return /^[AEIOU]/i.test(name) ? `an ${name}` : `a ${name}`;
}

function tag(value: object): string {
  const whole = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return whole === 'Object' ? 'object' : clip(whole);
}

/** What was thrown, as a text; `thrown` may be anything. */
function text(thrown: unknown): string {
  if (typeof thrown === 'string') return thrown;
  return types.isNativeError(thrown) && typeof thrown.message === 'string' ? thrown.message : describe(thrown);
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
