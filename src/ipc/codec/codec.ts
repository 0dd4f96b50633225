/**
 * Encodes values for other processes, exactly by the rules of structured clone, and beyond them
 * where those lose something: errors keep code, properties and class, and a Buffer stays a Buffer.
 *
 * A value travels the cheapest way that restores it exactly (scan.ts decides): as JSON, through
 * V8's serializer, or, with errors, binary data or getters inside, through V8's after a walk
 * (plain-copy.ts).
 *
 * `encode` returns the value as it was at the call: later changes reach no attempt at the task.
 */

import { MAX_BODY_BYTES } from '../frame.js';
import { assignStores, tooLarge } from './binary.js';
import { fill } from './errors.js';
import { PlainCopy } from './plain-copy.js';
import { unserialisable } from './refusal.js';
import { Shape, shapeOf } from './scan.js';
import { scatter } from './sparse-arrays.js';
import { type Hosts, read, write } from './v8-stream.js';
import { checkV8Stream } from './v8-stream-check.js';

export { describe, UnserialisableError } from './refusal.js';

export const Codec = {
  /** `undefined`, without a body. */
  Undefined: 0,
  /** Text (frame.ts). */
  Json: 1,
  V8: 2,
  /**
   * A V8 stream of [value, records of its errors and arrays with holes], and large binary data as
   * attachments.
   */
  Composite: 3,
} as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

/** An encoded value. A string body is text, to be written as UTF-8. */
export interface Encoded {
  readonly codec: number;
  readonly body: string | Buffer | undefined;
  readonly attachments: readonly Buffer[];
  /** Approximate: the characters of a string body are counted, not its bytes. */
  readonly bytes: number;
}

const { isArray } = Array;
const { parse, stringify } = JSON;
const NONE: readonly Buffer[] = [];
const NO_HOSTS: Hosts = new Map();
const UNDEFINED: Encoded = { codec: Codec.Undefined, body: undefined, attachments: NONE, bytes: 0 };
/** The arguments of a task without arguments. */
export const NO_ARGS: Encoded = { codec: Codec.Json, body: '[]', attachments: NONE, bytes: 2 };
/** A longer string, alone, goes through V8, which copies it, while JSON reads each character. */
const LONG_STRING = 2048;

/**
 * @param root the first word of a path, as in `args[0].user.save`
 * @param isLent the value is written before any other code runs, so large binary data is not copied
 * @throws UnserialisableError naming the path
 */
export function encode(value: unknown, root = 'value', isLent = false): Encoded {
  if (value === undefined) return UNDEFINED;
  if (typeof value === 'string' && value.length > LONG_STRING) return plain(value, root, false, isLent);
  const shape = shapeOf(value);
  if (shape === Shape.Special) return composite(value, root, isLent);
  const body = shape === Shape.Json ? json(value) : undefined;
  if (body === undefined) return plain(value, root, shape === Shape.Long, isLent);
  return { codec: Codec.Json, body, attachments: NONE, bytes: body.length };
}

function json(value: unknown): string | undefined {
  try {
    return stringify(value);
  } catch {
    return undefined; // too deep, or too long for a string: V8 may still write it
  }
}

function plain(value: unknown, root: string, isLong: boolean, isLent: boolean): Encoded {
  let body: Buffer;
  try {
    body = write(value, NO_HOSTS);
    // The scan skipped the named properties of long arrays; the walk does not.
    if (isLong && checkV8Stream(body, false)) return composite(value, root, isLent);
  } catch {
    return composite(value, root, isLent); // finds the part that V8 refused, and its path
  }
  if (body.length > MAX_BODY_BYTES) throw unserialisable(tooLarge(body.length), root);
  return { codec: Codec.V8, body, attachments: NONE, bytes: body.length };
}

function composite(value: unknown, root: string, isLent: boolean): Encoded {
  try {
    const shadow = new PlainCopy();
    const copy = shadow.copy(value);
    const attachments = shadow.pieces.length === 0 ? NONE : assignStores(shadow.pieces, isLent);
    const body = write([copy, shadow.records], shadow.hosts);
    if (body.length > MAX_BODY_BYTES) throw tooLarge(body.length);
    const bytes = attachments.reduce((sum, { length }) => sum + length, body.length);
    return { codec: Codec.Composite, body, attachments, bytes };
  } catch (error) {
    throw unserialisable(error, root);
  }
}

/**
 * Takes over the memory of `body` and `attachments`: the caller must not use them afterwards.
 * @throws Error when `encode` cannot have made them
 */
export function decode(codec: number, body: Buffer | string, attachments: readonly Buffer[]): unknown {
  if (codec === Codec.Undefined) return undefined;
  if (codec === Codec.Json) {
    const text = typeof body === 'string' ? body : body.toString('utf8');
    return text === NO_ARGS.body ? [] : parse(text);
  }
  if (typeof body === 'string') throw new Error(`text in codec ${codec}`);
  switch (codec) {
    case Codec.V8:
      checkV8Stream(body, false);
      return read(body, NONE).value;
    case Codec.Composite:
      return decodeComposite(body, attachments);
    default:
      throw new Error(`a value in unknown codec ${codec}`);
  }
}

function decodeComposite(body: Buffer, attachments: readonly Buffer[]): unknown {
  checkV8Stream(body, true);
  const { value, marked } = read(body, attachments);
  if (!isArray(value) || !isArray(value[1])) throw new Error('a value without its table of records');
  const [whole, records] = value as [unknown, unknown[]];
  marked?.forEach((each, index) => {
    if (isArray(each)) scatter(each, records[index]);
    else fill(each, records[index]);
  });
  return whole;
}
