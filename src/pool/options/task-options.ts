/**
 * Checks the options of one task or map and merges them with the pool's defaults.
 *
 * Every `run` comes here. Without options nothing is allocated; with options one object is, a copy
 * of the defaults, so that V8 sees one shape for all tasks.
 */
import { resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  boolean,
  check,
  checkSignal,
  finiteNumber,
  integerFrom0,
  integerFrom1,
  invalid,
  oneOf,
  plainObject,
  type Rule,
  readBy,
  Section,
  string,
  unknownOption,
  unreadable,
  waitMs,
} from '../../shared/check.js';
import { OptionsError } from '../../shared/errors.js';
import { inContext } from '../../shared/program.js';
import {
  defaultsOf,
  fillIn,
  keysOf,
  type Reader,
  type Resolved,
  readOption,
  readOptions,
  type Table,
  timeoutOrNever,
} from './option-table.js';
import type { MapOptions, RetryOptions, TaskDefaults, TaskOptions } from './option-types.js';

// ---- retries

/** How often a task may be started again, and after which delay. */
export type ResolvedRetries = Resolved<RetryOptions>;

const readDelay: Reader<number | ((attempt: number) => number)> = (path, value) =>
  typeof value === 'function' ? inContext(value as (attempt: number) => number) : check(path, waitMs, value);

export const retriesTable: Table<ResolvedRetries> = {
  crash: [integerFrom0, 0],
  timeout: [integerFrom0, 0],
  error: [integerFrom0, 0],
  delayMs: [readDelay, 0],
};

const noRetries: ResolvedRetries = Object.freeze(defaultsOf(retriesTable));

/**
 * Given retries replace the default as a whole, so that `retries: 0` always means at most once
 * (G2).
 */
const readRetries: Reader<ResolvedRetries> = (path, value) => {
  if (typeof value === 'number') return value === 0 ? noRetries : { ...noRetries, crash: check(path, integerFrom0, value) };
  if (typeof value !== 'object' || value === null) throw invalid(path, 'an integer >= 0 or an object', value);
  return readOptions(retriesTable, path, value);
};

// ---- of a task

type Timeouts = 'timeoutMs' | 'softTimeoutMs' | 'queueTimeoutMs';
type ResolvedTaskDefaults = Resolved<TaskDefaults, Timeouts, { readonly retries: ResolvedRetries }>;
export type ResolvedTaskOptions = Resolved<TaskOptions, Timeouts | 'signal' | 'tag' | 'onProgress', { readonly retries: ResolvedRetries }>;

/** `PoolOptions.task`: a signal or a tag for every task of a pool is a mistake. */
export const taskDefaultsTable: Table<ResolvedTaskDefaults> = {
  timeoutMs: [timeoutOrNever, undefined],
  softTimeoutMs: [timeoutOrNever, undefined],
  queueTimeoutMs: [timeoutOrNever, undefined],
  priority: [finiteNumber, 0],
  retries: [readRetries, noRetries],
};

const readOnProgress: Reader<(value: unknown) => void> = (path, value) => {
  if (typeof value !== 'function') throw invalid(path, 'a function', value);
  return inContext(value as (value: unknown) => void);
};

export const taskTable: Table<ResolvedTaskOptions> = {
  ...taskDefaultsTable,
  signal: [checkSignal, undefined],
  tag: [string, undefined],
  onProgress: [readOnProgress, undefined],
};

const taskKeys = keysOf(taskTable);

/** The defaults where the pool has none. Not frozen, because V8 copies frozen objects slowly. */
export const noTaskOptions: ResolvedTaskOptions = defaultsOf(taskTable);

/** `PoolOptions.task`. @throws {OptionsError} */
export function resolveTaskDefaults(value: unknown): ResolvedTaskOptions {
  return { ...noTaskOptions, ...readOptions(taskDefaultsTable, 'task', value) };
}

/**
 * Returns the task's options over the pool's defaults; without options, the defaults themselves.
 * @throws {OptionsError}
 */
export function resolveTaskOptions(options: TaskOptions | undefined, defaults: ResolvedTaskOptions): ResolvedTaskOptions {
  if (options === undefined) return defaults;
  const given = plainObject('options', options);
  const task: Record<keyof TaskOptions, unknown> = { ...defaults };
  let at = 'options';
  try {
    for (const key in given) {
      at = key;
      const value = given[key];
      if (isTaskOption(key)) {
        if (value !== undefined) task[key] = readOption<unknown>(taskTable[key], key, value);
      } else if (Object.hasOwn(given, key)) throw unknownOption('', key, taskKeys);
    }
  } catch (error) {
    throw error instanceof OptionsError ? error : unreadable(at, error); // a getter, or a proxy
  }
  return task as ResolvedTaskOptions;
}

function isTaskOption(key: string): key is keyof TaskOptions {
  return Object.hasOwn(taskTable, key);
}

// ---- of a map

type OwnMapOptions = Omit<MapOptions, keyof TaskOptions>;
type ResolvedOwnMapOptions = Resolved<OwnMapOptions, 'bufferSize', { readonly journal: string | undefined }>;

export interface ResolvedMapOptions extends ResolvedOwnMapOptions {
  readonly task: ResolvedTaskOptions;
}

const readChunkSize: Reader<number | 'auto'> = (path, value) => {
  if (value === 'auto' || integerFrom1.holds(value)) return value;
  throw invalid(path, "an integer >= 1 or 'auto'", value);
};

/** Returns an absolute path. */
const readJournal: Reader<string> = (path, value) => {
  const href = value instanceof URL ? readBy(path, () => value.href) : value;
  if (typeof href !== 'string' || href === '' || href.includes('\0')) throw invalid(path, 'a path or a file: URL', value);
  if (!(value instanceof URL) && !href.startsWith('file:')) return resolvePath(href);
  try {
    return fileURLToPath(href);
  } catch (cause) {
    throw invalid(path, 'a path or a file: URL', href, cause);
  }
};

const onError: Rule<'stop' | 'continue'> = oneOf('stop', 'continue');
const resume: Rule<'missing' | 'failed'> = oneOf('missing', 'failed');

/** The options of a map that are not options of its tasks. */
export const mapTable: Table<ResolvedOwnMapOptions> = {
  ordered: [boolean, true],
  chunkSize: [readChunkSize, 'auto'],
  bufferSize: [integerFrom1, undefined],
  onError: [onError, 'stop'],
  journal: [readJournal, undefined],
  resume: [resume, 'missing'],
};

/** @throws {OptionsError} */
export function resolveMapOptions(options: MapOptions | undefined, defaults: ResolvedTaskOptions): ResolvedMapOptions {
  const section = new Section('', options, [...taskKeys, ...keysOf(mapTable)]);
  const task = fillIn(taskTable, section, { ...defaults });
  const own = fillIn(mapTable, section, defaultsOf(mapTable));
  if (section.raw('resume') !== undefined && own.journal === undefined) {
    throw new OptionsError('resume: expected a journal beside it, got none');
  }
  return { ...own, task };
}
