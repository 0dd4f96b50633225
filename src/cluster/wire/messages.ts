/**
 * What processes say to one another beside the tasks: events of the store, which are hints, as any
 * of them may be lost, doubled or forged.
 */
import type { Seals } from './seal.js';

/** Asks the host that has the task to end it. Repeated until the task runs nowhere. */
export interface EndMessage {
  readonly id: string;
  readonly how: 'cancel' | 'kill';
  /** The encoded reason (text.ts); empty without one. */
  readonly reason: string;
}

/** Says why a task leaves the store, to the client that waits for it. */
export type EndedMessage = EndMessage;

/** One value of `progress()` in a task. */
export interface ProgressMessage {
  /** The attempt and a number that rises in it, so that a late value is dropped. */
  readonly attempt: number;
  readonly count: number;
  /** The encoded value (text.ts). */
  readonly value: string;
}

export function writeEnd(kind: 'end' | 'ended', { id, how, reason }: EndMessage, seals: Seals): string {
  return JSON.stringify([id, how, reason, seals.sign(kind, [id, how, reason])]);
}

/** @returns undefined if it is none, or not sealed with a valid secret */
export function readEnd(kind: 'end' | 'ended', text: unknown, seals: Seals): EndMessage | undefined {
  const list = parse(text);
  if (list === undefined) return undefined;
  const [id, how, reason, seal] = list;
  if (typeof id !== 'string' || (how !== 'cancel' && how !== 'kill') || typeof reason !== 'string') return undefined;
  return seals.holds(seal, kind, [id, how, reason]) ? { id, how, reason } : undefined;
}

export function writeProgress(id: string, { attempt, count, value }: ProgressMessage, seals: Seals): string {
  return JSON.stringify([attempt, count, value, seals.sign('progress', [id, String(attempt), String(count), value])]);
}

/** @returns undefined if it is none, or not sealed with a valid secret */
export function readProgress(id: string, text: unknown, seals: Seals): ProgressMessage | undefined {
  const list = parse(text);
  if (list === undefined) return undefined;
  const [attempt, count, value, seal] = list;
  if (!Number.isSafeInteger(attempt) || !Number.isSafeInteger(count) || typeof value !== 'string') return undefined;
  if (!seals.holds(seal, 'progress', [id, String(attempt), String(count), value])) return undefined;
  return { attempt: attempt as number, count: count as number, value };
}

function parse(text: unknown): unknown[] | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const read: unknown = JSON.parse(text);
    return Array.isArray(read) ? read : undefined;
  } catch {
    return undefined;
  }
}
