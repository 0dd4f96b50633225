/**
 * The bodies of a chunk's messages: the items that it sends, and the portions of outcomes that the
 * worker sends back. What the parent reads here may be anything (G9).
 */
import { ProtocolError } from './frame.js';

/**
 * Lists of arguments; or items that are each the only argument, since an array for each item would
 * cost more to send than the item itself.
 */
export type ChunkBody = readonly (readonly unknown[])[] | { readonly only: readonly unknown[] };

/** @param isSpread the items are lists of arguments */
export function chunkBody(items: readonly unknown[], isSpread: boolean): ChunkBody {
  return isSpread ? (items as readonly (readonly unknown[])[]) : { only: items };
}

/** The same as JSON, around the JSON of the items without their brackets. */
export function chunkJson(items: string, isSpread: boolean): string {
  return isSpread ? `[${items}]` : `{"only":[${items}]}`;
}

/** How an item failed: what it threw, or why its outcome could not be sent. */
export interface ItemFailure {
  readonly error?: unknown;
  readonly unserialisable?: string;
  readonly side?: 'result' | 'error';
}

type Failures = readonly (readonly [place: number, failure: ItemFailure])[];

/** The outcomes of consecutive items. */
export interface Portion {
  /** The place of the first of them among all items of the chunk. */
  readonly first: number;
  readonly count: number;
  /** Undefined if all values are undefined. */
  readonly values: unknown[] | undefined;
  /** By place in the portion. */
  readonly failures: Failures;
}

/** @param values one for each item; or their number, if all are undefined */
export function portionBody(first: number, values: readonly unknown[] | number, failures: Failures): unknown[] {
  return [first, values, failures];
}

/**
 * The same as JSON, for a portion without failures, around the JSON of the values without their
 * brackets.
 */
export function portionJson(first: number, values: string): string {
  return `[${first},[${values}],[]]`;
}

/** @throws ProtocolError when it is not a portion of a chunk of `length` items */
export function readPortion(body: unknown, length: number): Portion {
  const [first, values, failures] = (Array.isArray(body) ? body : []) as unknown[];
  const isVoid = typeof values === 'number';
  const count = isVoid ? values : Array.isArray(values) ? values.length : Number.NaN;
  const isInRange =
    Number.isInteger(first) && Number.isInteger(count) && (first as number) >= 0 && count > 0 && (first as number) + count <= length;
  if (!isInRange || !Array.isArray(failures) || !failures.every((failure) => isFailure(failure, count)))
    throw new ProtocolError(`a portion that does not match its chunk of ${length} items`);
  return { first: first as number, count, values: isVoid ? undefined : (values as unknown[]), failures: failures as Failures };
}

function isFailure(entry: unknown, count: number): boolean {
  const [place, failure] = (Array.isArray(entry) ? entry : []) as [unknown, ItemFailure | undefined];
  if (!Number.isInteger(place) || (place as number) < 0 || (place as number) >= count || typeof failure !== 'object' || failure === null)
    return false;
  const { unserialisable, side } = failure;
  return (
    (unserialisable === undefined || typeof unserialisable === 'string') && (side === undefined || side === 'result' || side === 'error')
  );
}
