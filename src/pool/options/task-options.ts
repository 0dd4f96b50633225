/**
 * Checks the options of one task or map and merges them with the pool's defaults.
 *
 * On the path of every `run`: without options nothing is allocated, with them one object whose shape
 * is always the same.
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
  readBy,
  Section,
  string,
  timeoutMs,
  unknownOption,
  unreadable,
  waitMs,
} from '../../shared/check.js';
import { OptionsError } from '../../shared/errors.js';
import { inContext } from '../../shared/program.js';
import type { MapOptions, TaskOptions } from './option-types.js';

/** How often a task may still be started again, and after how long. */
export interface ResolvedRetries {
  readonly crash: number;
  readonly timeout: number;
  readonly error: number;
  readonly delayMs: number | ((attempt: number) => number);
}

/** A timeout of Infinity is `undefined` here: there is one way to say "never". */
export interface ResolvedTaskOptions {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
  readonly softTimeoutMs: number | undefined;
  readonly queueTimeoutMs: number | undefined;
  readonly priority: number;
  readonly retries: ResolvedRetries;
  readonly tag: string | undefined;
  readonly onProgress: ((value: unknown) => void) | undefined;
}

export interface ResolvedMapOptions {
  readonly ordered: boolean;
  readonly chunkSize: number | 'auto';
  readonly bufferSize: number | undefined;
  readonly onError: 'stop' | 'continue';
  /** An absolute path. */
  readonly journal: string | undefined;
  readonly resume: 'missing' | 'failed';
  readonly task: ResolvedTaskOptions;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const noRetries: ResolvedRetries = Object.freeze({ crash: 0, timeout: 0, error: 0, delayMs: 0 });

/** What a task gets when neither it nor the pool says anything. */
const unset: ResolvedTaskOptions = Object.freeze({
  signal: undefined,
  timeoutMs: undefined,
  softTimeoutMs: undefined,
  queueTimeoutMs: undefined,
  priority: 0,
  retries: noRetries,
  tag: undefined,
  onProgress: undefined,
});

const defaultKeys = ['timeoutMs', 'softTimeoutMs', 'queueTimeoutMs', 'priority', 'retries'] as const;
const taskKeys = [...defaultKeys, 'signal', 'tag', 'onProgress'] as const;
const ownMapKeys = ['ordered', 'chunkSize', 'bufferSize', 'onError', 'journal', 'resume'] as const;
const mapKeys = [...taskKeys, ...ownMapKeys] as const;

const autoOrInteger = "an integer >= 1 or 'auto'";
const onError = oneOf('stop', 'continue');
const resume = oneOf('missing', 'failed');

/** `PoolOptions.task`. @throws {OptionsError} */
export function resolveTaskDefaults(value: unknown): ResolvedTaskOptions {
  if (value === undefined) return unset;
  const task = { ...unset };
  const given = plainObject('task', value);
  // A signal or a tag for every task of a pool is a mistake, so those keys are unknown here.
  const section = new Section('task', given, defaultKeys);
  for (const key of defaultKeys) setTaskOption(task, key, section.raw(key), 'task.');
  return Object.freeze(task);
}

/** The options of one task over the pool's defaults; the defaults themselves when there are none. @throws {OptionsError} */
export function resolveTaskOptions(options: TaskOptions | undefined, defaults: ResolvedTaskOptions): ResolvedTaskOptions {
  if (options === undefined) return defaults;
  const given = plainObject('options', options);
  const task = copyOf(defaults);
  let at = 'options';
  try {
    for (const key in given) {
      at = key;
      if (!setTaskOption(task, key, given[key], '') && Object.hasOwn(given, key)) throw unknownOption('', key, taskKeys);
    }
  } catch (error) {
    throw error instanceof OptionsError ? error : unreadable(at, error); // a getter, or a proxy
  }
  return task;
}

/** @throws {OptionsError} */
export function resolveMapOptions(options: MapOptions | undefined, defaults: ResolvedTaskOptions): ResolvedMapOptions {
  const section = new Section('', options, mapKeys);
  const task = copyOf(defaults);
  for (const key of taskKeys) setTaskOption(task, key, section.raw(key), '');
  const journal = readJournal(section.raw('journal'));
  if (section.raw('resume') !== undefined && journal === undefined)
    throw new OptionsError('resume: expected a journal beside it, got none');
  return {
    ordered: section.get('ordered', boolean, true),
    chunkSize: readChunkSize(section.raw('chunkSize')),
    bufferSize: section.get('bufferSize', integerFrom1, undefined),
    onError: section.get('onError', onError, 'stop'),
    journal,
    resume: section.get('resume', resume, 'missing'),
    task,
  };
}

/** Written out, not spread: every task's options must have one shape. */
function copyOf(defaults: ResolvedTaskOptions): Writable<ResolvedTaskOptions> {
  return {
    signal: defaults.signal,
    timeoutMs: defaults.timeoutMs,
    softTimeoutMs: defaults.softTimeoutMs,
    queueTimeoutMs: defaults.queueTimeoutMs,
    priority: defaults.priority,
    retries: defaults.retries,
    tag: defaults.tag,
    onProgress: defaults.onProgress,
  };
}

/** False if there is no such option. @throws {OptionsError} */
function setTaskOption(task: Writable<ResolvedTaskOptions>, key: string, value: unknown, prefix: string): boolean {
  switch (key) {
    case 'signal':
      if (value !== undefined) task.signal = checkSignal(`${prefix}signal`, value);
      return true;
    case 'timeoutMs':
    case 'softTimeoutMs':
    case 'queueTimeoutMs':
      if (value !== undefined) task[key] = readTimeout(prefix, key, value);
      return true;
    case 'priority':
      if (value !== undefined) task.priority = check(`${prefix}priority`, finiteNumber, value);
      return true;
    case 'retries':
      if (value !== undefined) task.retries = readRetries(`${prefix}retries`, value);
      return true;
    case 'tag':
      if (value !== undefined) task.tag = check(`${prefix}tag`, string, value);
      return true;
    case 'onProgress':
      if (value === undefined) return true;
      if (typeof value !== 'function') throw invalid(`${prefix}onProgress`, 'a function', value);
      task.onProgress = inContext(value as (value: unknown) => void);
      return true;
    default:
      return false;
  }
}

function readTimeout(prefix: string, key: string, value: unknown): number | undefined {
  const ms = check(`${prefix}${key}`, timeoutMs, value);
  return ms === Number.POSITIVE_INFINITY ? undefined : ms;
}

/** Given retries replace the default as a whole, so that `retries: 0` always means at most once (G2). */
function readRetries(path: string, value: unknown): ResolvedRetries {
  if (typeof value === 'number') return value === 0 ? noRetries : { ...noRetries, crash: check(path, integerFrom0, value) };
  if (typeof value !== 'object' || value === null) throw invalid(path, 'an integer >= 0 or an object', value);
  const section = new Section(path, value, ['crash', 'timeout', 'error', 'delayMs']);
  const delayMs = section.raw('delayMs');
  return {
    crash: section.get('crash', integerFrom0, 0),
    timeout: section.get('timeout', integerFrom0, 0),
    error: section.get('error', integerFrom0, 0),
    delayMs: typeof delayMs === 'function' ? inContext(delayMs as (attempt: number) => number) : section.get('delayMs', waitMs, 0),
  };
}

function readChunkSize(value: unknown): number | 'auto' {
  if (value === undefined || value === 'auto') return 'auto';
  if (integerFrom1.holds(value)) return value;
  throw invalid('chunkSize', autoOrInteger, value);
}

function readJournal(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const href = value instanceof URL ? readBy('journal', () => value.href) : value;
  if (typeof href !== 'string' || href === '' || href.includes('\0')) throw invalid('journal', 'a path or a file: URL', value);
  if (!(value instanceof URL) && !href.startsWith('file:')) return resolvePath(href);
  try {
    return fileURLToPath(href);
  } catch (cause) {
    throw invalid('journal', 'a path or a file: URL', href, cause);
  }
}
