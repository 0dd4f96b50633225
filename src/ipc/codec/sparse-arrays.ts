/**
 * Arrays with holes. V8 allocates an array by its length, up to 32 million items, whether they are there or not; so a
 * long one with holes travels as a record of what is there, and takes no more memory than that when it arrives.
 */
import { define } from './errors.js';

/** A shorter array with holes is left to V8: six bytes then take up to 300, no more than those of an empty Map do. */
export const HOLEY_ITEMS = 32;
/** The keys of longer arrays are not listed before they are written, unless there are objects in them (scan.ts). */
export const BARE_ARRAY_ITEMS = 10_000;
/** Longer than any that V8 keeps in one piece. */
const SCATTERED = 0xffff_fffe;

export function isSparse(value: readonly unknown[]): boolean {
  const { length } = value;
  if (length <= HOLEY_ITEMS) return false;
  for (let i = 0; i < length; i++) if (!Object.hasOwn(value, i)) return true;
  return false;
}

/** `record`: the length, then key, value, key, … */
export function scatter(array: unknown[], record: unknown): void {
  if (!Array.isArray(record) || record.length % 2 !== 1) throw new Error('an array without its record');
  const length: unknown = record[0];
  if (typeof length !== 'number' || length >>> 0 !== length) throw new Error('an array without its length');
  // With an item so far away it becomes a table of keys, and stays one.
  array[SCATTERED] = undefined;
  array.length = length;
  for (let i = 1; i < record.length; i += 2) {
    const key: unknown = record[i];
    if (typeof key !== 'string' || key === 'length') throw new Error('an array with a key that is none');
    define(array, key, record[i + 1], true);
  }
}
