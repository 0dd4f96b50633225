/**
 * Each option object has a table: a row per option, with its rule and its default. The keys that
 * may be given, the checks and the resolved object follow from the table, and a unit test compares
 * option-types.ts with it. So a new option is a row here, a docstring there, and a line in docs/.
 */
import { check, type Rule, Section, timeoutMs } from '../../shared/check.js';

/** Returns the resolved value of the one that was given. @throws OptionsError */
export type Reader<T> = (path: string, value: unknown) => T;

/**
 * An option without a default must be given. A default of `undefined` means "none" or "as the
 * parent".
 */
export type Row<T> = readonly [rule: Rule<T> | Reader<T>, fallback?: T];

export type Table<R> = { readonly [K in keyof R]-?: Row<R[K]> };

/**
 * `Options` with its defaults filled in. `None`: the options whose default is `undefined`. `Other`:
 * the options whose resolved value has another type.
 */
export type Resolved<Options, None extends keyof Options = never, Other = unknown> = {
  readonly [K in keyof Options]-?: K extends keyof Other ? Other[K] : K extends None ? Options[K] : Exclude<Options[K], undefined>;
};

type KeyOf<R> = keyof R & string;

export function keysOf<R extends object>(table: Table<R>): KeyOf<R>[] {
  return Object.keys(table) as KeyOf<R>[];
}

export function defaultsOf<R extends object>(table: Table<R>): R {
  // No prototype: a setter that a program has put there would receive the value.
  const defaults = Object.create(null) as Record<string, unknown>;
  for (const key of keysOf(table)) defaults[key] = table[key][1];
  return { ...defaults } as R;
}

/** `path` is empty for the object that a method of the pool takes. @throws OptionsError */
export function readOptions<R extends object>(table: Table<R>, path: string, options: unknown): R {
  return fillIn(table, new Section(path, options, keysOf(table)), defaultsOf(table));
}

/**
 * Writes the given options over `resolved`, which has every key of the table.
 * @throws OptionsError
 */
export function fillIn<R extends object>(table: Table<R>, section: Section<KeyOf<R>>, resolved: R): R {
  for (const key of keysOf(table)) {
    const value = section.raw(key);
    if (value !== undefined || table[key].length === 1) resolved[key] = readOption(table[key], section.path(key), value);
  }
  return resolved;
}

/** @throws OptionsError */
export function readOption<T>(row: Row<T>, path: string, value: unknown): T {
  const rule = row[0];
  return typeof rule === 'function' ? rule(path, value) : check(path, rule, value);
}

// ---- rules that several tables share

/** The row of an option that is itself an object of options. */
export function group<R extends object>(table: Table<R>): Row<R> {
  return [(path, value) => readOptions(table, path, value), defaultsOf(table)];
}

export const anything: Reader<unknown> = (_path, value) => value;

/** A timeout of Infinity becomes `undefined`, so that there is one way to say "never". */
export const timeoutOrNever: Reader<number | undefined> = (path, value) => {
  const ms = check(path, timeoutMs, value);
  return ms === Number.POSITIVE_INFINITY ? undefined : ms;
};
