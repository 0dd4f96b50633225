/**
 * The bodies of Failure messages with a flag (frame.ts). What the parent reads here may be anything
 * (G9).
 */
import { describe } from './codec/refusal.js';

/** Where the value came from that could not be sent. */
export type ValueSide = 'result' | 'error' | 'progress';
const SIDES: readonly ValueSide[] = ['result', 'error', 'progress'];

/** With Flag.Unserialisable. */
export interface UnserialisableReply {
  readonly side: ValueSide;
  /** The path of the value and the reason. */
  readonly message: string;
  /** A description of what the task threw, if that is what could not be sent. */
  readonly thrown?: string;
  /** What a getter of the value threw. */
  readonly cause?: unknown;
}

export function readUnserialisableReply(body: unknown): UnserialisableReply {
  const { side, message, thrown, cause } = Object(body) as Partial<UnserialisableReply>;
  return {
    side: side !== undefined && SIDES.includes(side) ? side : 'result',
    message: text(message),
    ...(thrown === undefined ? {} : { thrown: text(thrown) }),
    cause,
  };
}

/** With Flag.UnknownTask. */
export interface UnknownTaskReply {
  /** The names of the functions that the module does export. */
  readonly exports: readonly string[];
}

export function readUnknownTaskReply(body: unknown): UnknownTaskReply {
  const { exports } = Object(body) as { readonly exports?: unknown };
  return { exports: Array.isArray(exports) ? Array.from(exports, text) : [] };
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : describe(value);
}
