/** What happens to one process, apart from what the pool does to it. Times count from its spawn. */

import type { Random } from '../../src/testing/random.js';
import { FORGERIES, type Forgery } from './forger.js';

export interface FaultRates {
  /** A spawn fails: ENOENT, EAGAIN. */
  readonly spawnFails: number;
  /** A boot fails: it throws, exits or hangs. */
  readonly bootFails: number;
  /**
   * It dies at some call of its platform: before or after a start is recorded, within a reply, …
   */
  readonly diesAtDoor: number;
  /** It is killed from outside at some time. */
  readonly killed: number;
  /** It is stopped (SIGSTOP), and continues later or never. */
  readonly stopped: number;
  /** It writes bytes that are not a frame. */
  readonly garbage: number;
  /** It closes its end of the channel and lives on. */
  readonly disconnects: number;
  /** It ignores SIGTERM. */
  readonly ignoresTerm: number;
  /** Not even SIGKILL ends it for a while: uninterruptible sleep. */
  readonly undying: number;
  /** A child of it holds its pipes open. */
  readonly grandchild: number;
  /** Its exit is never reported. */
  readonly losesExit: number;
  /** Its clock stands still for a while. */
  readonly clockStalls: number;
  /** It takes more memory than it may. */
  readonly swells: number;
  /** The reports of its start or its end are late, and far apart from each other. */
  readonly lateNews: number;
  /** Its task code writes into its channel, or its control file. */
  readonly forges: number;
  /** From some time on it answers and starts nothing. */
  readonly lazy: number;
}

export const NO_FAULTS: FaultRates = {
  spawnFails: 0,
  bootFails: 0,
  diesAtDoor: 0,
  killed: 0,
  stopped: 0,
  garbage: 0,
  disconnects: 0,
  ignoresTerm: 0,
  undying: 0,
  grandchild: 0,
  losesExit: 0,
  clockStalls: 0,
  swells: 0,
  lateNews: 0,
  forges: 0,
  lazy: 0,
};

export interface Fate {
  readonly spawnError: string | undefined;
  readonly spawnMs: number;
  readonly bootMs: number;
  readonly boot: 'works' | 'throws' | 'exits' | 'hangs' | 'crashes';
  /** The number of the platform call at which it dies; Infinity: at none. */
  readonly lastDoor: number;
  readonly killedAt: number;
  readonly stoppedAt: number;
  /** Its duration; Infinity: for ever. */
  readonly stoppedMs: number;
  readonly garbageAt: number;
  readonly disconnectsAt: number;
  readonly ignoresTerm: boolean;
  readonly undyingMs: number;
  /** A child of it that holds its pipes open: in its process group, or in one of its own. */
  readonly grandchild: 'none' | 'grouped' | 'escaped';
  readonly losesExit: boolean;
  readonly clockStallsAt: number;
  readonly clockStallsMs: number;
  readonly swellsAt: number;
  /**
   * After its death: when the parent learns of the exit, and when the read side ends. Each may take
   * minutes.
   */
  readonly exitMs: number;
  readonly endMs: number;
  readonly forgesAt: number;
  readonly forgery: Forgery;
  readonly lazyAt: number;
}

const NEVER = Number.POSITIVE_INFINITY;
/** Upper limits: a moment, some time, minutes. */
const LATE_MS: readonly number[] = [50, 400, 3000, 180_000];

/**
 * Always draws the same number of random numbers, so that one rate does not change the effect of
 * the others.
 */
export function fateOf(random: Random, rates: FaultRates): Fate {
  const roll = (probability: number): boolean => random.chance(probability);
  const spawnError = roll(rates.spawnFails) ? random.pick(['ENOENT', 'EAGAIN', 'EMFILE']) : undefined;
  const losesExit = roll(rates.losesExit);
  const badBoot = random.pick(['throws', 'exits', 'hangs', 'crashes'] as const);
  return {
    spawnError,
    spawnMs: roll(rates.lateNews / 4) ? random.skewed(random.pick(LATE_MS)) : random.between(0.2, 3),
    bootMs: random.between(1, 60),
    boot: roll(rates.bootFails) ? badBoot : 'works',
    lastDoor: at(roll(rates.diesAtDoor), 1 + Math.floor(random.skewed(400))),
    killedAt: at(roll(rates.killed), random.skewed(3000)),
    stoppedAt: at(roll(rates.stopped), random.skewed(3000)),
    stoppedMs: at(random.chance(0.7), random.between(1, 3000)),
    garbageAt: at(roll(rates.garbage), random.between(1, 2000)),
    disconnectsAt: at(roll(rates.disconnects), random.between(1, 2000)),
    ignoresTerm: roll(rates.ignoresTerm),
    undyingMs: roll(rates.undying) ? random.between(100, 20_000) : 0,
    // Without an exit and without the end of its output, its death could not be known.
    grandchild: roll(rates.grandchild) && !losesExit ? random.pick(['grouped', 'escaped'] as const) : 'none',
    losesExit,
    clockStallsAt: at(roll(rates.clockStalls), random.skewed(2000)),
    clockStallsMs: random.between(1, 1000),
    swellsAt: at(roll(rates.swells), random.skewed(3000)),
    exitMs: random.skewed(roll(rates.lateNews) ? random.pick(LATE_MS) : 20),
    endMs: random.skewed(roll(rates.lateNews) ? random.pick(LATE_MS) : 350),
    forgesAt: at(roll(rates.forges), random.skewed(1000)),
    forgery: random.pick(FORGERIES),
    lazyAt: at(roll(rates.lazy), random.skewed(1000)),
  };
}

function at(happens: boolean, time: number): number {
  return happens ? time : NEVER;
}
