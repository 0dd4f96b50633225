/** Checks the options of a pool and fills in every default. Nothing here acts on them. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  boolean,
  checkSignal,
  checkSystemStrings,
  integerFrom0,
  integerFrom1,
  integerFrom1To1000,
  invalid,
  limitFrom1,
  oneOf,
  plainObject,
  readBy,
  Section,
  systemString,
  timeoutAbove0,
  timeoutMs,
  waitMs,
} from '../../shared/check.js';
import { defaultSize } from './cpu-quota.js';
import {
  type ResolvedHeartbeat,
  type ResolvedLimits,
  type ResolvedPermission,
  type ResolvedRecycle,
  type ResolvedRestart,
  resolveHeartbeat,
  resolveKillLadder,
  resolveLimits,
  resolvePermission,
  resolveRecycle,
  resolveRestart,
} from './option-groups.js';
import type { KillStep, PoolOptions } from './option-types.js';
import { type ResolvedTaskOptions, resolveTaskDefaults } from './task-options.js';

export type { ResolvedHeartbeat, ResolvedLimits, ResolvedPermission, ResolvedRecycle, ResolvedRestart } from './option-groups.js';

export interface ResolvedSize {
  readonly min: number;
  readonly max: number;
  /** The number of workers may change by itself: min < max. */
  readonly elastic: boolean;
}

/** PoolOptions with every default filled in; `undefined` is left where it means "none" or "as the parent". */
export interface ResolvedPoolOptions extends ResolvedSize {
  /** The href of a URL. */
  readonly module: string | undefined;
  readonly name: string;
  readonly spares: number;
  readonly concurrency: number;
  readonly pipelining: boolean;
  readonly queueLimit: number;
  readonly task: ResolvedTaskOptions;
  readonly graceMs: number;
  /** Holds a SIGKILL. */
  readonly killLadder: readonly KillStep[];
  readonly restart: ResolvedRestart;
  readonly bootTimeoutMs: number;
  readonly recycle: ResolvedRecycle;
  readonly limits: ResolvedLimits;
  readonly idleTimeoutMs: number;
  readonly heartbeat: ResolvedHeartbeat | false;
  readonly killTree: boolean;
  readonly diagnose: boolean;
  readonly workerData: unknown;
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  readonly cwd: string | undefined;
  readonly execPath: string | undefined;
  readonly execArgv: readonly string[] | undefined;
  readonly argv: readonly string[];
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly stdout: 'inherit' | 'ignore' | 'pipe';
  readonly stderr: 'inherit' | 'ignore' | 'pipe';
  readonly permission: ResolvedPermission | undefined;
  readonly signal: AbortSignal | undefined;
}

const keys = [
  'module',
  'name',
  'size',
  'spares',
  'concurrency',
  'pipelining',
  'queueLimit',
  'task',
  'graceMs',
  'killLadder',
  'restart',
  'bootTimeoutMs',
  'recycle',
  'limits',
  'idleTimeoutMs',
  'heartbeat',
  'killTree',
  'diagnose',
  'workerData',
  'env',
  'cwd',
  'execPath',
  'execArgv',
  'argv',
  'uid',
  'gid',
  'stdout',
  'stderr',
  'permission',
  'signal',
] as const satisfies readonly (keyof PoolOptions)[];

const output = oneOf('inherit', 'ignore', 'pipe');
const moduleRule = "an absolute path, a file: URL or another URL, as in new URL('./tasks.js', import.meta.url)";

/** @throws {OptionsError} */
export function resolvePoolOptions(options?: PoolOptions): ResolvedPoolOptions {
  const section = new Section('', options, keys);
  const size = resolveSize(section.raw('size') as PoolOptions['size']);
  return {
    module: readModule(section.raw('module')),
    name: section.get('name', systemString, 'everpool'),
    min: size.min,
    max: size.max,
    elastic: size.elastic,
    spares: section.get('spares', integerFrom0, 0),
    concurrency: section.get('concurrency', integerFrom1To1000, 1),
    pipelining: section.get('pipelining', boolean, true),
    queueLimit: section.get('queueLimit', limitFrom1, Number.POSITIVE_INFINITY),
    task: resolveTaskDefaults(section.raw('task')),
    graceMs: section.get('graceMs', waitMs, 1000),
    killLadder: resolveKillLadder(section.raw('killLadder')),
    restart: resolveRestart(section.raw('restart'), size.max),
    bootTimeoutMs: section.get('bootTimeoutMs', timeoutAbove0, 30_000),
    recycle: resolveRecycle(section.raw('recycle')),
    limits: resolveLimits(section.raw('limits')),
    idleTimeoutMs: section.get('idleTimeoutMs', timeoutMs, 60_000),
    heartbeat: resolveHeartbeat(section.raw('heartbeat')),
    killTree: section.get('killTree', boolean, true),
    diagnose: section.get('diagnose', boolean, false),
    workerData: section.raw('workerData'),
    env: readEnv(section.raw('env')),
    cwd: section.get('cwd', systemString, undefined),
    execPath: section.get('execPath', systemString, undefined),
    execArgv: readStrings('execArgv', section.raw('execArgv')),
    argv: readStrings('argv', section.raw('argv')) ?? [],
    uid: section.get('uid', integerFrom0, undefined),
    gid: section.get('gid', integerFrom0, undefined),
    stdout: section.get('stdout', output, 'inherit'),
    stderr: section.get('stderr', output, 'inherit'),
    permission: resolvePermission(section.raw('permission')),
    signal: readSignal(section.raw('signal')),
  };
}

/** The bounds of a size as the constructor and `resize` take it. @throws {OptionsError} */
export function resolveSize(size: PoolOptions['size']): ResolvedSize {
  if (size === undefined) return fixedSize(defaultSize());
  const value: unknown = size;
  if (integerFrom1.holds(value)) return fixedSize(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('size', 'an integer >= 1 or {min, max}', value);
  const section = new Section('size', value, ['min', 'max']);
  const min = section.raw('min');
  const max = section.raw('max');
  if (!integerFrom0.holds(min)) throw invalid('size.min', 'an integer >= 0', min);
  if (!integerFrom1.holds(max)) throw invalid('size.max', 'an integer >= 1', max);
  if (min > max) throw invalid('size.min', `an integer <= size.max (${max})`, min);
  return { min, max, elastic: min < max };
}

function fixedSize(size: number): ResolvedSize {
  return { min: size, max: size, elastic: false };
}

function readModule(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  const url = value instanceof URL ? readBy('module', () => value.href) : value;
  if (typeof url !== 'string' || url.includes('\0')) throw invalid('module', moduleRule, value);
  // First the path: on Windows `C:\tasks.js` would also do as a URL.
  if (isAbsolute(url)) return pathToFileURL(url).href;
  if (URL.canParse(url)) return new URL(url).href;
  throw invalid('module', moduleRule, value);
}

/** Copied, so that what the program does to its object later reaches no worker. */
function readEnv(value: unknown): Readonly<Record<string, string | undefined>> | undefined {
  if (value === undefined) return undefined;
  const env: Record<string, string | undefined> = {};
  const given = plainObject('env', value);
  for (const [name, entry] of readBy('env', () => Object.entries(given))) {
    if (name.includes('\0')) throw invalid('env', 'names without NUL bytes', name);
    if (entry !== undefined && (typeof entry !== 'string' || entry.includes('\0'))) {
      throw invalid(`env.${name}`, 'a string without NUL bytes, or undefined', entry);
    }
    env[name] = entry;
  }
  return env;
}

function readStrings(path: string, value: unknown): readonly string[] | undefined {
  return value === undefined ? undefined : checkSystemStrings(path, value);
}

function readSignal(value: unknown): AbortSignal | undefined {
  return value === undefined ? undefined : checkSignal('signal', value);
}
