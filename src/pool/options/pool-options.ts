/** Checks the options of a pool and fills in every default. Nothing here acts on them. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  boolean,
  checkSignal,
  checkSystemStrings,
  integerFrom0,
  integerFrom1To1000,
  invalid,
  limitFrom1,
  oneOf,
  plainObject,
  type Rule,
  readBy,
  systemString,
  timeoutAbove0,
  timeoutMs,
  waitMs,
} from '../../shared/check.js';
import { defaultSize } from './cpu-quota.js';
import {
  defaultHeartbeat,
  defaultKillLadder,
  type GivenRestart,
  limitsTable,
  permissionTable,
  type ResolvedHeartbeat,
  type ResolvedLimits,
  type ResolvedPermission,
  type ResolvedRecycle,
  type ResolvedRestart,
  type ResolvedSize,
  readHeartbeat,
  readKillLadder,
  readSize,
  recycleTable,
  restartOf,
  restartTable,
} from './option-groups.js';
import { anything, group, type Reader, type Resolved, readOptions, type Table } from './option-table.js';
import type { PoolOptions } from './option-types.js';
import { noTaskOptions, type ResolvedTaskOptions, resolveTaskDefaults } from './task-options.js';

const moduleRule = "an absolute path, a file: URL or another URL, as in new URL('./tasks.js', import.meta.url)";

/** Returns a URL as text. */
const readModule: Reader<string> = (path, value) => {
  const url = value instanceof URL ? readBy(path, () => value.href) : value;
  if (typeof url !== 'string' || url.includes('\0')) throw invalid(path, moduleRule, value);
  // The path first: on Windows, `C:\tasks.js` also parses as a URL.
  if (isAbsolute(url)) return pathToFileURL(url).href;
  if (URL.canParse(url)) return new URL(url).href;
  throw invalid(path, moduleRule, value);
};

type Env = Readonly<Record<string, string | undefined>>;

/** Copies, so that later changes of the program's object reach no worker. */
const readEnv: Reader<Env> = (path, value) => {
  const env: Record<string, string | undefined> = {};
  const given = plainObject(path, value);
  for (const [name, entry] of readBy(path, () => Object.entries(given))) {
    if (name.includes('\0')) throw invalid(path, 'names without NUL bytes', name);
    if (entry !== undefined && (typeof entry !== 'string' || entry.includes('\0'))) {
      throw invalid(`${path}.${name}`, 'a string without NUL bytes, or undefined', entry);
    }
    env[name] = entry;
  }
  return env;
};

const output: Rule<'inherit' | 'ignore' | 'pipe'> = oneOf('inherit', 'ignore', 'pipe');

type GivenPool = Resolved<
  PoolOptions,
  'env' | 'cwd' | 'execPath' | 'execArgv' | 'uid' | 'gid' | 'signal',
  {
    readonly module: string | undefined;
    readonly size: ResolvedSize | undefined;
    readonly task: ResolvedTaskOptions;
    readonly restart: GivenRestart;
    readonly recycle: ResolvedRecycle;
    readonly limits: ResolvedLimits;
    readonly heartbeat: ResolvedHeartbeat | false;
    readonly workerData: unknown;
    readonly permission: ResolvedPermission | undefined;
  }
>;

export const poolTable: Table<GivenPool> = {
  module: [readModule, undefined],
  name: [systemString, 'everpool'],
  size: [readSize, undefined], // the default is defaultSize(), which reads files
  spares: [integerFrom0, 0],
  concurrency: [integerFrom1To1000, 1],
  pipelining: [boolean, true],
  queueLimit: [limitFrom1, Number.POSITIVE_INFINITY],
  task: [(_path, value) => resolveTaskDefaults(value), noTaskOptions],
  graceMs: [waitMs, 1000],
  killLadder: [readKillLadder, defaultKillLadder],
  restart: group(restartTable),
  bootTimeoutMs: [timeoutAbove0, 30_000],
  recycle: group(recycleTable),
  limits: group(limitsTable),
  idleTimeoutMs: [timeoutMs, 60_000],
  heartbeat: [readHeartbeat, defaultHeartbeat],
  killTree: [boolean, true],
  diagnose: [boolean, false],
  workerData: [anything, undefined],
  env: [readEnv, undefined],
  cwd: [systemString, undefined],
  execPath: [systemString, undefined],
  execArgv: [checkSystemStrings, undefined],
  argv: [checkSystemStrings, []],
  uid: [integerFrom0, undefined],
  gid: [integerFrom0, undefined],
  stdout: [output, 'inherit'],
  stderr: [output, 'inherit'],
  permission: [group(permissionTable)[0], undefined],
  signal: [checkSignal, undefined],
};

export interface ResolvedPoolOptions extends Omit<GivenPool, 'size' | 'restart'>, ResolvedSize {
  readonly restart: ResolvedRestart;
}

/** @throws {OptionsError} */
export function resolvePoolOptions(options?: PoolOptions): ResolvedPoolOptions {
  const { size, restart, ...rest } = readOptions(poolTable, '', options);
  const { min, max, elastic } = size ?? resolveSize();
  return { ...rest, min, max, elastic, restart: restartOf(restart, max) };
}

/** Returns the bounds of a size, as the constructor and `resize` take it. @throws {OptionsError} */
export function resolveSize(size: PoolOptions['size'] = defaultSize()): ResolvedSize {
  return readSize('size', size);
}
