/** What a seed stands for: a pool, a user, and a machine, all drawn before anything begins, so that parts can be left out. */
import type { PoolOptions, TaskOptions } from '../../src/pool/option-types.js';
import type { Random } from '../../src/testing/random.js';
import { type FaultRates, NO_FAULTS } from './fate.js';
import { type SimTaskName, TASK_NAMES } from './tasks.js';
import type { ParentHabits } from './world.js';

/** How the user ends a task soon after its submission: about when it ends by itself. */
export interface End {
  readonly how: 'cancel' | 'kill';
  readonly afterMs: number;
}

/** What the user does at some time. `which` chooses among the tasks, workers … that there are by then: from 0 to 1. */
export type Action =
  | {
      at: number;
      do: 'run';
      name: SimTaskName;
      arg: number;
      options: TaskOptions;
      count: number;
      withSignal: boolean;
      end: End | undefined;
    }
  | { at: number; do: 'cancel' | 'kill' | 'abort' | 'killWorker' | 'strike' | 'listen'; which: number }
  | { at: number; do: 'killTasks'; tag: string | undefined; queued: boolean; running: boolean }
  | { at: number; do: 'resize'; min: number; max: number }
  | {
      at: number;
      do: 'map';
      count: number;
      name: 'quick' | 'sleep' | 'spin' | 'throwsSoon';
      ordered: boolean;
      use: number;
      cancelAfterMs: number;
    }
  | { at: number; do: 'stream'; count: number; takes: number; pauseMs: number; stepMs: number; retries: number }
  | { at: number; do: 'scope'; names: readonly SimTaskName[]; leaveAfterMs: number }
  | { at: number; do: 'chunks'; count: number; chunkSize: number | 'auto'; retries: number; stepMs: number }
  | { at: number; do: 'restart'; rolling: boolean }
  | { at: number; do: 'pause' | 'resume' | 'revive' | 'ready' | 'idle' | 'room' };

export type Ending = 'close' | 'close in time' | 'close and cancel' | 'terminate' | 'kill' | 'close, terminate' | 'terminate, kill';

export interface Plan {
  readonly options: PoolOptions;
  readonly rates: FaultRates;
  /** From then on no worker can boot: the module was broken. */
  readonly poisonedAt: number;
  readonly habits: ParentHabits;
  readonly actions: readonly Action[];
  /** How many workers may boot at once. */
  readonly spawnConcurrency: number;
  readonly ending: Ending;
  /** After how many actions the end comes; the others find a pool that is ending, or has ended. */
  readonly endsAfter: number;
  /** Whether everything is let come to rest before the end, or the end comes in the middle of it. */
  readonly rests: boolean;
}

const FAULTS = Object.keys(NO_FAULTS) as (keyof FaultRates)[];

export function planOf(random: Random, length: number): Plan {
  const spanMs = random.pick([50, 500, 3000]);
  const options = optionsOf(random);
  return {
    options,
    rates: ratesOf(random),
    poisonedAt: random.chance(0.1) ? random.pick([0, spanMs * random.next()]) : Number.POSITIVE_INFINITY,
    habits: habitsOf(random),
    spawnConcurrency: random.pick([1, 2, 8]),
    actions: actionsOf(random, length, spanMs),
    ending: random.pick([
      'close',
      'close in time',
      'close and cancel',
      'terminate',
      'kill',
      'close, terminate',
      'terminate, kill',
    ] as const),
    endsAfter: random.chance(0.15) ? random.integer(0, length) : length,
    rests: random.chance(0.8),
  };
}

function optionsOf(random: Random): PoolOptions {
  const max = random.integer(1, 4);
  const min = random.integer(0, max);
  const initialMs = random.pick([0, 10, 50]);
  return {
    name: 'sim',
    module: 'file:///sim/tasks.js',
    size: random.chance(0.7) ? max : { min, max },
    spares: random.chance(0.2) ? random.integer(1, 2) : 0,
    concurrency: random.chance(0.8) ? 1 : random.integer(2, 4),
    pipelining: random.chance(0.85),
    queueLimit: random.chance(0.1) ? random.integer(1, 20) : Number.POSITIVE_INFINITY,
    graceMs: random.pick([0, 5, 50, 1000]),
    killLadder: random.pick([
      [
        { signal: 'SIGTERM', waitMs: 1000 },
        { signal: 'SIGKILL', waitMs: 5000 },
      ],
      [{ signal: 'SIGKILL', waitMs: 1000 }],
      [
        { signal: 'SIGINT', waitMs: 10 },
        { signal: 'SIGTERM', waitMs: 20 },
      ],
    ] as const),
    restart: {
      intensity: random.pick([0, 1, 3, 10, 1000, 1000]),
      periodMs: random.pick([100, 1000, 10_000]),
      backoff: { initialMs, maxMs: random.pick([50, 500, 5000]), jitter: random.pick([0, 0.2]) },
      probeMs: random.pick([false, 100, 1000] as const),
    },
    bootTimeoutMs: random.pick([200, 1000, 30_000]),
    idleTimeoutMs: random.pick([10, 1000, 60_000]),
    recycle: random.pick([
      {},
      {},
      {},
      { afterTasks: random.integer(1, 10), jitter: random.pick([0, 0.5]) },
      { afterMs: random.integer(20, 500), jitter: random.pick([0, 0.5]) },
      { aboveRssBytes: 100_000_000 },
    ]),
    limits: random.chance(0.3) ? { rssBytes: 200_000_000 } : {},
    heartbeat: random.pick([false, { intervalMs: 20, timeoutMs: 100 }, { intervalMs: 250, timeoutMs: 1000 }, {}] as const),
    diagnose: random.chance(0.2),
  };
}

function ratesOf(random: Random): FaultRates {
  const rates: Record<keyof FaultRates, number> = { ...NO_FAULTS };
  if (random.chance(0.15)) return rates;
  for (const fault of FAULTS) if (random.chance(0.35)) rates[fault] = random.pick([0.02, 0.1, 0.4]);
  if (random.chance(0.5)) rates.undying = 0;
  return rates;
}

function habitsOf(random: Random): ParentHabits {
  return {
    callbackMs: random.pick([0, 0.01, 0.2]),
    stallChance: random.pick([0, 0, 0.002, 0.02]),
    stallMs: random.pick([5, 50, 500]),
  };
}

function actionsOf(random: Random, length: number, spanMs: number): Action[] {
  const actions: Action[] = [];
  const shy = random.chance(0.2); // a user who only submits
  for (let i = 0; i < length; i++) actions.push(actionOf(random, random.next() * spanMs, shy));
  return actions.sort((a, b) => a.at - b.at);
}

function actionOf(random: Random, at: number, isShy: boolean): Action {
  if (isShy || random.chance(0.6)) return runOf(random, at);
  const which = random.next();
  switch (random.integer(0, 18)) {
    case 0:
    case 1:
    case 2:
      return { at, do: 'cancel', which };
    case 3:
    case 4:
      return { at, do: 'kill', which };
    case 5:
      return { at, do: 'abort', which };
    case 6:
      return { at, do: 'killWorker', which };
    case 7:
    case 8:
      return { at, do: 'strike', which };
    case 9:
      return { at, do: 'listen', which };
    case 10:
      return {
        at,
        do: 'killTasks',
        tag: random.pick([undefined, 'a', 'b']),
        queued: random.chance(0.8),
        running: random.chance(0.8),
      };
    case 11: {
      const max = random.integer(1, 5);
      return { at, do: 'resize', max, min: random.chance(0.7) ? max : random.integer(0, max) };
    }
    case 12:
      return {
        at,
        do: 'map',
        count: random.integer(0, 20),
        name: random.pick(['quick', 'sleep', 'spin', 'throwsSoon'] as const),
        ordered: random.chance(0.5),
        use: random.integer(0, 4),
        cancelAfterMs: random.chance(0.3) ? random.between(0, 50) : Number.POSITIVE_INFINITY,
      };
    case 14: {
      const count = random.integer(0, 60);
      const takes = random.chance(0.5) ? count : random.integer(0, count);
      return {
        at,
        do: 'stream',
        count,
        takes,
        pauseMs: random.pick([0, 0, 5]),
        stepMs: random.pick([0, 0, 1]),
        retries: random.integer(0, 2),
      };
    }
    case 15: {
      const names = Array.from({ length: random.integer(0, 8) }, () => random.pick(['quick', 'sleep', 'never', 'spin'] as const));
      return { at, do: 'scope', names, leaveAfterMs: random.pick([0, 0.5, 5, 50]) };
    }
    case 16: {
      const count = random.integer(1, 40);
      return {
        at,
        do: 'chunks',
        count,
        chunkSize: random.pick(['auto', 2, 5, 20] as const),
        retries: random.integer(0, 2),
        stepMs: random.pick([0, 0, 0.2, 2]),
      };
    }
    case 13:
    case 17:
      return { at, do: 'restart', rolling: random.chance(0.7) };
    default:
      return { at, do: random.pick(['pause', 'resume', 'resume', 'revive', 'ready', 'idle', 'room'] as const) };
  }
}

function runOf(random: Random, at: number): Action {
  const roll = random.next();
  const name: SimTaskName = roll < 0.35 ? 'quick' : roll < 0.5 ? 'sleep' : roll < 0.65 ? 'spin' : random.pick(TASK_NAMES);
  const arg = random.pick([0, 0.1, 0.9, 3, 10, 100]);
  const options: TaskOptions = {};
  if (random.chance(0.2)) options.timeoutMs = random.pick([1, 5, 20, 200]);
  if (random.chance(0.1)) options.softTimeoutMs = random.pick([1, 5, 20]);
  if (random.chance(0.2)) options.queueTimeoutMs = random.pick([0.2, 0.5, 1, 20, 200]);
  if (random.chance(0.2)) options.priority = random.integer(-1, 2);
  if (random.chance(0.3)) options.tag = random.pick(['a', 'b']);
  if (random.chance(0.3)) {
    options.retries = {
      crash: random.pick([0, 1, 3, 100]),
      timeout: random.pick([0, 0, 1]),
      error: random.pick([0, 1, 2]),
      delayMs: random.pick([0, 0, 5, 100]),
    };
  }
  return {
    at,
    do: 'run',
    name,
    arg,
    options,
    count: random.chance(0.2) ? random.integer(2, 30) : 1,
    withSignal: random.chance(0.1),
    end: random.chance(0.2) ? endOf(random, arg, options.queueTimeoutMs) : undefined,
  };
}

/** Near to where something else ends it: the task itself, or the limit of its wait. */
function endOf(random: Random, arg: number, queueTimeoutMs: number | undefined): End {
  const how = random.chance(0.7) ? 'cancel' : 'kill';
  if (queueTimeoutMs !== undefined) return { how, afterMs: Math.max(0, queueTimeoutMs - random.skewed(1)) };
  return { how, afterMs: random.next() * (arg * 1.5 + 3) };
}
