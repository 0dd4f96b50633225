/** What a worker tells of a chunk's items (worker/chunks.ts), as far as it can be true. */
import { ProtocolError } from '../../ipc/frame.js';

/** How an item ended that has no value: by what it threw, or by what could not be sent. */
export interface ItemFailure {
  readonly error?: unknown;
  readonly unserialisable?: string;
  readonly side?: 'result' | 'error';
}

export interface Portion {
  /** The place of its first item among those that were sent. */
  readonly first: number;
  readonly count: number;
  /** Undefined: each is undefined. */
  readonly values: unknown[] | undefined;
  /** By place in the portion. */
  readonly failures: readonly (readonly [number, ItemFailure])[];
}

/** @throws ProtocolError when it is none, or of other items than the `length` that were sent */
export function readPortion(told: unknown, length: number): Portion {
  const [first, values, failures] = (Array.isArray(told) ? told : []) as unknown[];
  const isVoid = typeof values === 'number';
  const count = isVoid ? values : Array.isArray(values) ? values.length : Number.NaN;
  const isInRange =
    Number.isInteger(first) && Number.isInteger(count) && (first as number) >= 0 && count > 0 && (first as number) + count <= length;
  if (!isInRange || !Array.isArray(failures) || !failures.every((failure) => isFailure(failure, count)))
    throw new ProtocolError(`a portion of a chunk that is not of its ${length} items`);
  return { first: first as number, count, values: isVoid ? undefined : (values as unknown[]), failures: failures as Portion['failures'] };
}

function isFailure(told: unknown, count: number): boolean {
  const [at, failure] = (Array.isArray(told) ? told : []) as [unknown, ItemFailure | undefined];
  if (!Number.isInteger(at) || (at as number) < 0 || (at as number) >= count || typeof failure !== 'object' || failure === null)
    return false;
  const { unserialisable, side } = failure;
  return (
    (unserialisable === undefined || typeof unserialisable === 'string') && (side === undefined || side === 'result' || side === 'error')
  );
}
