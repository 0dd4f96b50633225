/**
 * The plan of a seed: a pool, a user and a machine, all drawn before anything begins, so that parts
 * can be left out.
 */
import type { PoolOptions } from '../../src/pool/options/option-types.js';
import type { Random } from '../../src/testing/random.js';
import type { Action, Ending } from './action.js';
import { type FaultRates, NO_FAULTS } from './fate.js';
import { type Hostility, PLACES } from './hostile.js';
import { actionsOf, floodOf } from './plan-actions.js';
import type { ParentHabits } from './world.js';

export interface Plan {
  readonly options: PoolOptions;
  readonly rates: FaultRates;
  /** From then on no worker can boot, because the module was broken. */
  readonly poisonedAt: number;
  readonly habits: ParentHabits;
  readonly hostility: Hostility;
  /** The probability that a call of the disk with the journals fails. */
  readonly diskFails: number;
  readonly actions: readonly Action[];
  /** The number of workers that may boot at the same time. */
  readonly spawnConcurrency: number;
  readonly ending: Ending;
  /** The number of actions before the end; the rest find a pool that is ending or has ended. */
  readonly endsAfter: number;
  /** Whether everything comes to rest before the end, or the end interrupts it. */
  readonly rests: boolean;
}

const FAULTS = Object.keys(NO_FAULTS) as (keyof FaultRates)[];

export function planOf(random: Random, length: number): Plan {
  const spanMs = random.pick([50, 500, 3000]);
  const options = optionsOf(random);
  const isFlood = random.chance(0.008);
  if (isFlood)
    Object.assign(options, { concurrency: random.integer(2, 8), size: random.integer(1, 2), queueLimit: Number.POSITIVE_INFINITY });
  return {
    options,
    rates: isFlood && random.chance(0.7) ? NO_FAULTS : ratesOf(random, options),
    poisonedAt: random.chance(0.1) ? random.pick([0, spanMs * random.next()]) : Number.POSITIVE_INFINITY,
    habits: habitsOf(random),
    hostility: hostilityOf(random),
    diskFails: random.pick([0, 0, 0.02, 0.2]),
    spawnConcurrency: random.pick([1, 2, 8]),
    actions: isFlood ? floodOf(random) : actionsOf(random, length, spanMs),
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
    concurrency: random.chance(0.8) ? 1 : random.integer(2, 8),
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

function ratesOf(random: Random, { heartbeat }: PoolOptions): FaultRates {
  const rates: Record<keyof FaultRates, number> = { ...NO_FAULTS };
  if (random.chance(0.15)) return rates;
  for (const fault of FAULTS) if (random.chance(0.35)) rates[fault] = random.pick([0.02, 0.1, 0.4]);
  if (random.chance(0.5)) rates.undying = 0;
  rates.forges = random.chance(0.25) ? random.pick([0.1, 0.4]) : 0;
  // Only a heartbeat finds workers that live and do nothing.
  if (heartbeat === false) Object.assign(rates, { lazy: 0, forges: 0 });
  return rates;
}

function habitsOf(random: Random): ParentHabits {
  return {
    callbackMs: random.pick([0, 0.01, 0.2]),
    stallChance: random.pick([0, 0, 0.002, 0.02]),
    stallMs: random.pick([5, 50, 500]),
    bootStallChance: random.pick([0, 0, 0, 0.2]),
  };
}

function hostilityOf(random: Random): Hostility {
  // One alone, so that no other ends the pool first; or several.
  const some = random.chance(0.5) ? [random.pick(PLACES)] : PLACES.filter(() => random.chance(0.3));
  const places = random.chance(0.35) ? some : [];
  return { places, chance: random.pick([0.05, 0.3]), mayEnd: random.chance(0.35) };
}
