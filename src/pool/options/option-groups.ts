/** The options of a pool that are objects of their own, each with its table. */
import { constants } from 'node:os';
import {
  boolean,
  checkSystemStrings,
  factorFrom1,
  fraction,
  integerFrom0,
  integerFrom1,
  invalid,
  listOf,
  periodMs,
  type Rule,
  waitMs,
} from '../../shared/check.js';
import { type Reader, type Resolved, readOptions, type Table } from './option-table.js';
import type {
  BackoffOptions,
  HeartbeatOptions,
  KillStep,
  LimitOptions,
  PermissionOptions,
  PoolSize,
  RecycleOptions,
  RestartIntensityOptions,
} from './option-types.js';

// ---- size

export interface ResolvedSize {
  readonly min: number;
  readonly max: number;
  /** The number of workers may change without a call of `resize`: min < max. */
  readonly elastic: boolean;
}

export const sizeTable: Table<PoolSize> = { min: [integerFrom0], max: [integerFrom1] };

export const readSize: Reader<ResolvedSize> = (path, value) => {
  if (integerFrom1.holds(value)) return { min: value, max: value, elastic: false };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(path, 'an integer >= 1 or {min, max}', value);
  const { min, max } = readOptions(sizeTable, path, value);
  if (min > max) throw invalid(`${path}.min`, `an integer <= ${path}.max (${max})`, min);
  return { min, max, elastic: min < max };
};

// ---- killLadder

export const signalName: Rule<NodeJS.Signals> = {
  text: 'the name of a signal of this system, such as SIGTERM',
  holds: (value): value is NodeJS.Signals => typeof value === 'string' && Object.hasOwn(constants.signals, value),
};

export const killStepTable: Table<KillStep> = { signal: [signalName], waitMs: [waitMs] };

const lastStep: KillStep = Object.freeze({ signal: 'SIGKILL', waitMs: 5000 });
export const defaultKillLadder: readonly KillStep[] = Object.freeze([Object.freeze({ signal: 'SIGTERM', waitMs: 1000 }), lastStep]);

export const readKillLadder: Reader<readonly KillStep[]> = (path, value) => {
  const ladder = listOf(path, 'an array of {signal, waitMs}', value).map((step, index) => {
    if (step === undefined) throw invalid(`${path}[${index}]`, 'an object', step);
    return readOptions(killStepTable, `${path}[${index}]`, step);
  });
  // A worker may ignore every other signal (G7).
  return ladder.some((step) => step.signal === 'SIGKILL') ? ladder : [...ladder, lastStep];
};

// ---- restart

type GivenBackoff = Resolved<BackoffOptions, 'initialMs' | 'maxMs'>;

export const backoffTable: Table<GivenBackoff> = {
  initialMs: [waitMs, undefined],
  factor: [factorFrom1, 2],
  maxMs: [waitMs, undefined],
  jitter: [fraction, 0.2],
};

/** A bound that is given moves the default of the other, never the other way round. */
const readBackoff: Reader<Resolved<BackoffOptions>> = (path, value) => {
  const given = readOptions(backoffTable, path, value);
  const initialMs = given.initialMs ?? Math.min(50, given.maxMs ?? 50);
  const maxMs = given.maxMs ?? Math.max(5000, initialMs);
  if (maxMs < initialMs) throw invalid(`${path}.maxMs`, `a number >= initialMs (${initialMs})`, maxMs);
  return { ...given, initialMs, maxMs };
};

const readProbe: Reader<number | false> = (path, value) => {
  if (value === false || periodMs.holds(value)) return value;
  throw invalid(path, `${periodMs.text}, or false`, value);
};

/** As given: the rest follows from other options. */
export type GivenRestart = Resolved<RestartIntensityOptions, 'intensity' | 'probeMs', { readonly backoff: Resolved<BackoffOptions> }>;
export type ResolvedRestart = { readonly [K in keyof GivenRestart]: Exclude<GivenRestart[K], undefined> };

export const restartTable: Table<GivenRestart> = {
  intensity: [integerFrom0, undefined],
  periodMs: [periodMs, 10_000],
  backoff: [readBackoff, readBackoff('', {})],
  probeMs: [readProbe, undefined],
};

export function restartOf(given: GivenRestart, maxSize: number): ResolvedRestart {
  const { periodMs, backoff, intensity = Math.max(5, 2 * maxSize), probeMs = periodMs } = given;
  return { intensity, periodMs, backoff, probeMs };
}

// ---- recycle, limits

export type ResolvedRecycle = Resolved<RecycleOptions, 'afterTasks' | 'afterMs' | 'aboveRssBytes'>;

export const recycleTable: Table<ResolvedRecycle> = {
  afterTasks: [integerFrom1, undefined],
  afterMs: [periodMs, undefined],
  aboveRssBytes: [integerFrom1, undefined],
  jitter: [fraction, 0],
};

export type ResolvedLimits = Resolved<LimitOptions, 'rssBytes' | 'heapMb'>;

export const limitsTable: Table<ResolvedLimits> = { rssBytes: [integerFrom1, undefined], heapMb: [integerFrom1, undefined] };

// ---- heartbeat

export type ResolvedHeartbeat = Resolved<HeartbeatOptions>;

export const heartbeatTable: Table<Resolved<HeartbeatOptions, 'intervalMs' | 'timeoutMs'>> = {
  intervalMs: [periodMs, undefined],
  timeoutMs: [periodMs, undefined],
};

export const readHeartbeat: Reader<ResolvedHeartbeat | false> = (path, value) => {
  if (value === false) return false;
  if (typeof value !== 'object' || value === null) throw invalid(path, 'an object or false', value);
  const given = readOptions(heartbeatTable, path, value);
  const intervalMs = given.intervalMs ?? Math.min(2500, (given.timeoutMs ?? 10_000) / 4);
  const timeoutMs = given.timeoutMs ?? Math.max(10_000, 4 * intervalMs);
  if (timeoutMs < intervalMs) throw invalid(`${path}.timeoutMs`, `a number >= intervalMs (${intervalMs})`, timeoutMs);
  return { intervalMs, timeoutMs };
};

export const defaultHeartbeat: ResolvedHeartbeat | false = readHeartbeat('', {});

// ---- permission

export type ResolvedPermission = Resolved<PermissionOptions>;

export const permissionTable: Table<ResolvedPermission> = {
  fsRead: [checkSystemStrings, []],
  fsWrite: [checkSystemStrings, []],
  childProcess: [boolean, false],
  addons: [boolean, false],
  workerThreads: [boolean, false],
  net: [boolean, false],
};
