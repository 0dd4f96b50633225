/**
 * Checks options: one rule for each kind of value, and one form of message.
 *
 * Every failure is an OptionsError that names the option by its path, the rule and the value:
 * `restart.backoff.jitter: expected a number from 0 to 1, got 2 (number)`.
 */
import { OptionsError } from './errors.js';
import { show } from './show.js';
import { signalOf } from './signals.js';

/** A condition on a value. `text` completes "expected …". */
export interface Rule<T> {
  readonly text: string;
  readonly holds: (value: unknown) => value is T;
}

function numberRule(text: string, holds: (value: number) => boolean): Rule<number> {
  return { text, holds: (value): value is number => typeof value === 'number' && holds(value) };
}

export const integerFrom0: Rule<number> = numberRule('an integer >= 0', (value) => Number.isSafeInteger(value) && value >= 0);
export const integerFrom1: Rule<number> = numberRule('an integer >= 1', (value) => Number.isSafeInteger(value) && value >= 1);
export const integerFrom1To1000: Rule<number> = numberRule(
  'an integer from 1 to 1000',
  (value) => Number.isSafeInteger(value) && value >= 1 && value <= 1000,
);
export const finiteNumber: Rule<number> = numberRule('a finite number', Number.isFinite);
export const fraction: Rule<number> = numberRule('a number from 0 to 1', (value) => value >= 0 && value <= 1);
export const factorFrom1: Rule<number> = numberRule('a finite number >= 1', (value) => Number.isFinite(value) && value >= 1);
/** A finite wait. */
export const waitMs: Rule<number> = numberRule('a finite number of milliseconds >= 0', (value) => Number.isFinite(value) && value >= 0);
/** A finite period, not empty. */
export const periodMs: Rule<number> = numberRule('a finite number of milliseconds > 0', (value) => Number.isFinite(value) && value > 0);
/** A time limit, or none. */
export const timeoutMs: Rule<number> = numberRule('a number of milliseconds >= 0 (Infinity: never)', (value) => value >= 0);
export const timeoutAbove0: Rule<number> = numberRule('a number of milliseconds > 0 (Infinity: never)', (value) => value > 0);
export const limitFrom1: Rule<number> = numberRule(
  'an integer >= 1 or Infinity',
  (value) => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value >= 1),
);

export const boolean: Rule<boolean> = { text: 'a boolean', holds: (value) => typeof value === 'boolean' };
export const string: Rule<string> = { text: 'a string', holds: (value) => typeof value === 'string' };
/** A string for the system: a NUL byte would make `spawn` throw, much later. */
export const systemString: Rule<string> = {
  text: 'a non-empty string without NUL bytes',
  holds: (value): value is string => typeof value === 'string' && value !== '' && !value.includes('\0'),
};

export function oneOf<const T extends string>(...values: readonly T[]): Rule<T> {
  return {
    text: `one of ${values.map((value) => `'${value}'`).join(', ')}`,
    holds: (value): value is T => values.some((one) => one === value),
  };
}

/** Returns the value if the rule holds. @throws {OptionsError} */
export function check<T>(path: string, rule: Rule<T>, value: unknown): T {
  if (rule.holds(value)) return value;
  throw invalid(path, rule.text, value);
}

export function invalid(path: string, rule: string, value: unknown, cause?: unknown): OptionsError {
  return new OptionsError(`${path}: expected ${rule}, got ${show(value)}`, cause === undefined ? undefined : { cause });
}

/**
 * A real AbortSignal that fires with the given one, which may be of another realm or a polyfill.
 * @throws {OptionsError}
 */
export function checkSignal(path: string, value: unknown): AbortSignal {
  const signal = signalOf(value);
  if (signal === undefined) throw invalid(path, 'an AbortSignal', value);
  return signal;
}

/** A copy of an array of strings for the system. @throws {OptionsError} */
export function checkSystemStrings(path: string, value: unknown): string[] {
  const rule = 'an array of strings without NUL bytes';
  const list = listOf(path, rule, value);
  if (list.every((item) => typeof item === 'string' && !item.includes('\0'))) return list as string[];
  throw invalid(path, rule, value);
}

/** A copy of an array; each item is read once. @throws {OptionsError} */
export function listOf(path: string, rule: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw invalid(path, rule, value);
  return readBy(path, () => Array.from({ length: value.length }, (_, index) => value[index] as unknown));
}

/**
 * Reads an option by code of the program.
 * @throws {OptionsError} if that code throws, with its error as the cause
 */
export function readBy<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** A getter or a Proxy among the options has thrown. */
export function unreadable(path: string, cause: unknown): OptionsError {
  return new OptionsError(`${path}: expected a value that can be read, but reading it threw: ${show(cause)}`, { cause });
}

/**
 * One object of options. The constructor checks its keys and reads each value once. `undefined`
 * means "not given".
 */
export class Section<K extends string> {
  readonly #path: string;
  readonly #values: Record<string, unknown> = Object.create(null) as Record<string, unknown>;

  /** @param path empty for the outermost object, which messages then call `whole` */
  constructor(path: string, value: unknown, keys: readonly K[], whole = 'options') {
    this.#path = path === '' ? '' : `${path}.`;
    if (value === undefined) return;
    const name = path === '' ? whole : path;
    const given = plainObject(name, value);
    for (const key of readBy(name, () => Object.keys(given))) {
      if (!keys.some((known) => known === key)) throw unknownOption(this.#path, key, keys);
    }
    for (const key of keys) this.#values[key] = readBy(this.path(key), () => given[key]);
  }

  path(key: K): string {
    return `${this.#path}${key}`;
  }

  raw(key: K): unknown {
    return this.#values[key];
  }

  /** The value of the option, or `fallback` if it is not given. @throws {OptionsError} */
  get<T, F>(key: K, rule: Rule<T>, fallback: F): T | F {
    const value = this.#values[key];
    return value === undefined ? fallback : check(this.path(key), rule, value);
  }
}

/** @throws {OptionsError} */
export function plainObject(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || isArray(value)) throw invalid(path, 'an object', value);
  return value as Readonly<Record<string, unknown>>;
}

/** `Array.isArray` throws for a revoked Proxy. */
function isArray(value: object): boolean {
  try {
    return Array.isArray(value);
  } catch {
    return true;
  }
}

export function unknownOption(prefix: string, key: string, known: readonly string[]): OptionsError {
  const near = nearest(key, known);
  const hint = near === undefined ? `the options here are ${known.join(', ')}` : `did you mean ${prefix}${near}?`;
  return new OptionsError(`${prefix}${key}: unknown option; ${hint}`);
}

/** The known word that was probably meant: at most a third of its letters differ. */
function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(2, Math.floor(candidate.length / 3)) && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
