/** The options of a pool that are objects of their own, each checked and filled in alone. */
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
  Section,
  waitMs,
} from '../../shared/check.js';
import type { KillStep } from './option-types.js';

export interface ResolvedRestart {
  readonly intensity: number;
  readonly periodMs: number;
  readonly backoff: { readonly initialMs: number; readonly factor: number; readonly maxMs: number; readonly jitter: number };
  readonly probeMs: number | false;
}

export interface ResolvedRecycle {
  readonly afterTasks: number | undefined;
  readonly afterMs: number | undefined;
  readonly aboveRssBytes: number | undefined;
  readonly jitter: number;
}

export interface ResolvedLimits {
  readonly rssBytes: number | undefined;
  readonly heapMb: number | undefined;
}

export interface ResolvedHeartbeat {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

export interface ResolvedPermission {
  readonly fsRead: readonly string[];
  readonly fsWrite: readonly string[];
  readonly childProcess: boolean;
  readonly addons: boolean;
  readonly workerThreads: boolean;
  readonly net: boolean;
}

export const signalName: Rule<NodeJS.Signals> = {
  text: 'the name of a signal of this system, such as SIGTERM',
  holds: (value): value is NodeJS.Signals => typeof value === 'string' && Object.hasOwn(constants.signals, value),
};

const lastResort: KillStep = Object.freeze({ signal: 'SIGKILL', waitMs: 5000 });

/** @throws {OptionsError} */
export function resolveKillLadder(value: unknown): readonly KillStep[] {
  if (value === undefined) return [{ signal: 'SIGTERM', waitMs: 1000 }, lastResort];
  const ladder = listOf('killLadder', 'an array of {signal, waitMs}', value).map((step, index): KillStep => {
    const path = `killLadder[${index}]`;
    if (step === undefined) throw invalid(path, 'an object', step);
    const section = new Section(path, step, ['signal', 'waitMs']);
    const signal = section.raw('signal');
    const wait = section.raw('waitMs');
    if (!signalName.holds(signal)) throw invalid(section.path('signal'), signalName.text, signal);
    if (!waitMs.holds(wait)) throw invalid(section.path('waitMs'), waitMs.text, wait);
    return { signal, waitMs: wait };
  });
  // Without it a worker that ignores every signal of the ladder would never be gone (G7).
  return ladder.some((step) => step.signal === 'SIGKILL') ? ladder : [...ladder, lastResort];
}

/** @throws {OptionsError} */
export function resolveRestart(value: unknown, maxSize: number): ResolvedRestart {
  const section = new Section('restart', value, ['intensity', 'periodMs', 'backoff', 'probeMs']);
  const period = section.get('periodMs', periodMs, 10_000);
  const probe = section.raw('probeMs');
  if (probe !== undefined && probe !== false && !periodMs.holds(probe)) {
    throw invalid('restart.probeMs', `${periodMs.text}, or false`, probe);
  }
  return {
    intensity: section.get('intensity', integerFrom0, Math.max(5, 2 * maxSize)),
    periodMs: period,
    backoff: resolveBackoff(section.raw('backoff')),
    probeMs: probe ?? period,
  };
}

/** A bound that is given moves the default of the other, never the other way round. */
function resolveBackoff(value: unknown): ResolvedRestart['backoff'] {
  const section = new Section('restart.backoff', value, ['initialMs', 'factor', 'maxMs', 'jitter']);
  const givenInitial = section.get('initialMs', waitMs, undefined);
  const givenMax = section.get('maxMs', waitMs, undefined);
  const initialMs = givenInitial ?? Math.min(50, givenMax ?? 50);
  const maxMs = givenMax ?? Math.max(5000, initialMs);
  if (maxMs < initialMs) throw invalid('restart.backoff.maxMs', `a number >= initialMs (${initialMs})`, maxMs);
  return { initialMs, factor: section.get('factor', factorFrom1, 2), maxMs, jitter: section.get('jitter', fraction, 0.2) };
}

/** @throws {OptionsError} */
export function resolveRecycle(value: unknown): ResolvedRecycle {
  const section = new Section('recycle', value, ['afterTasks', 'afterMs', 'aboveRssBytes', 'jitter']);
  return {
    afterTasks: section.get('afterTasks', integerFrom1, undefined),
    afterMs: section.get('afterMs', periodMs, undefined),
    aboveRssBytes: section.get('aboveRssBytes', integerFrom1, undefined),
    jitter: section.get('jitter', fraction, 0),
  };
}

/** @throws {OptionsError} */
export function resolveLimits(value: unknown): ResolvedLimits {
  const section = new Section('limits', value, ['rssBytes', 'heapMb']);
  return { rssBytes: section.get('rssBytes', integerFrom1, undefined), heapMb: section.get('heapMb', integerFrom1, undefined) };
}

/** @throws {OptionsError} */
export function resolveHeartbeat(value: unknown): ResolvedHeartbeat | false {
  if (value === false) return false;
  if (value !== undefined && (typeof value !== 'object' || value === null)) throw invalid('heartbeat', 'an object or false', value);
  const section = new Section('heartbeat', value, ['intervalMs', 'timeoutMs']);
  const givenInterval = section.get('intervalMs', periodMs, undefined);
  const givenTimeout = section.get('timeoutMs', periodMs, undefined);
  const intervalMs = givenInterval ?? Math.min(2500, (givenTimeout ?? 10_000) / 4);
  const timeoutMs = givenTimeout ?? Math.max(10_000, 4 * intervalMs);
  if (timeoutMs < intervalMs) throw invalid('heartbeat.timeoutMs', `a number >= intervalMs (${intervalMs})`, timeoutMs);
  return { intervalMs, timeoutMs };
}

/** @throws {OptionsError} */
export function resolvePermission(value: unknown): ResolvedPermission | undefined {
  if (value === undefined) return undefined;
  const section = new Section('permission', value, ['fsRead', 'fsWrite', 'childProcess', 'addons', 'workerThreads', 'net']);
  return {
    fsRead: readStrings('permission.fsRead', section.raw('fsRead')),
    fsWrite: readStrings('permission.fsWrite', section.raw('fsWrite')),
    childProcess: section.get('childProcess', boolean, false),
    addons: section.get('addons', boolean, false),
    workerThreads: section.get('workerThreads', boolean, false),
    net: section.get('net', boolean, false),
  };
}

function readStrings(path: string, value: unknown): readonly string[] {
  return value === undefined ? [] : checkSystemStrings(path, value);
}
