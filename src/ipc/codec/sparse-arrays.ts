/**
 * Arrays with holes. V8 allocates an array by its length, up to 32 million items, even if they are
 * holes. So a long array with holes travels as a record of its items, and arrives in no more memory
 * than these take.
 */
import { define } from './errors.js';

/**
 * V8 writes shorter arrays: six bytes then take up to 300 when they arrive, no more than an empty
 * Map does.
 */
export const HOLEY_ITEMS = 32;
/** The keys of longer arrays are listed only if there are objects in them (scan.ts). */
export const BARE_ARRAY_ITEMS = 10_000;
/** An index beyond any array that V8 stores contiguously. */
const SCATTERED = 0xffff_fffe;

export function isSparse(value: readonly unknown[]): boolean {
  const { length } = value;
  if (length <= HOLEY_ITEMS) return false;
  for (let i = 0; i < length; i++) if (!Object.hasOwn(value, i)) return true;
  return false;
}

/** @param record the length, then key, value, key, … */
export function scatter(array: unknown[], record: unknown): void {
  if (!Array.isArray(record) || record.length % 2 !== 1) throw new Error('an array without its record');
  const length: unknown = record[0];
  if (typeof length !== 'number' || length >>> 0 !== length) throw new Error('an array without its length');
  // An item at this index turns the array into a hash table, which it stays.
  array[SCATTERED] = undefined;
  array.length = length;
  for (let i = 1; i < record.length; i += 2) {
    const key: unknown = record[i];
    if (typeof key !== 'string' || key === 'length') throw new Error('an array with an invalid key');
    define(array, key, record[i + 1], true);
  }
}
