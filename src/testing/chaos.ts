/** Kills and stops random workers of a pool, to test how the code around it copes. */
import { exitMessage } from '../ipc/messages.js';
import { coreOf, type Pool } from '../pool/pool.js';
import { check, finiteNumber, integerFrom0, invalid, limitFrom1, periodMs, plainObject, Section } from '../shared/check.js';
import type { Worker } from '../supervisor/lifecycle/worker.js';
import { Random } from './random.js';

/**
 * `kill`: SIGKILL. `term`: SIGTERM. `stop`: SIGSTOP, and SIGCONT at most a second later. `exit`:
 * the process exits with code 1 as soon as its event loop turns. `disconnect`: its channel closes,
 * the process lives.
 */
export type Fault = 'kill' | 'term' | 'stop' | 'exit' | 'disconnect';

export interface ChaosOptions {
  /** The same seed makes the same choices: an integer >= 0. @default random, see `report()` */
  seed?: number | undefined;
  /** Milliseconds between two faults, or the bounds of a random delay: numbers > 0. @default 100 */
  everyMs?: number | { min: number; max: number } | undefined;
  /** The relative weight of each kind: numbers >= 0. @default { kill: 1 } */
  faults?: Partial<Record<Fault, number>> | undefined;
  /** Stops after this number of faults: an integer >= 1, or Infinity. @default Infinity */
  max?: number | undefined;
}

export interface ChaosReport {
  readonly seed: number;
  /** In order; `atMs` counts from the start. */
  readonly faults: readonly { readonly atMs: number; readonly fault: Fault; readonly workerId: number; readonly pid: number }[];
}

export interface ChaosMonkey extends AsyncDisposable {
  /** The number of faults so far. */
  readonly faults: number;
  /** Ends the faults and resumes the stopped workers. */
  stop(): Promise<void>;
  report(): ChaosReport;
}

const FAULTS: readonly Fault[] = ['kill', 'term', 'stop', 'exit', 'disconnect'];
/** The longest time that a worker stays stopped. */
const STOP_MS = 1000;

/**
 * Injects faults into random living workers (idle, busy, booting or spare), from now until `stop()`
 * or until the pool has closed.
 *
 * The death of a booting or idle worker is charged to the pool's restart intensity, as always:
 * raise `restart.intensity`, unless you want to see the pool break.
 *
 * @throws OptionsError (ERR_EVERPOOL_OPTIONS)
 * @example
 * await using monkey = chaos(pool, { everyMs: 50 });
 * const results = await pool.map('resize', images, { retries: 10 });
 * console.log(monkey.report());
 */
export function chaos(pool: Pool<never> | Pool<object>, options?: ChaosOptions): ChaosMonkey {
  return new Monkey(pool as Pool<object>, options);
}

class Monkey implements ChaosMonkey {
  readonly #pool: Pool<object>;
  readonly #random: Random;
  readonly #seed: number;
  readonly #every: { readonly min: number; readonly max: number };
  readonly #weights: readonly (readonly [Fault, number])[];
  readonly #max: number;
  readonly #startedAt: number = performance.now();
  readonly #made: { atMs: number; fault: Fault; workerId: number; pid: number }[] = [];
  readonly #stopped = new Map<Worker, NodeJS.Timeout>();
  readonly #onClosed = (): void => this.#end();
  #timer: NodeJS.Timeout | undefined;

  constructor(pool: Pool<object>, options: ChaosOptions | undefined) {
    const section = new Section('', options, ['seed', 'everyMs', 'faults', 'max']);
    this.#pool = pool;
    this.#seed = section.get('seed', integerFrom0, Math.floor(Math.random() * 2 ** 32));
    this.#random = new Random(this.#seed);
    this.#every = everyOf(section.raw('everyMs') ?? 100);
    this.#weights = weightsOf(section.raw('faults') ?? { kill: 1 });
    this.#max = section.get('max', limitFrom1, Number.POSITIVE_INFINITY);
    pool.on('closed', this.#onClosed);
    this.#arm();
  }

  get faults(): number {
    return this.#made.length;
  }

  async stop(): Promise<void> {
    this.#end();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  report(): ChaosReport {
    return { seed: this.#seed, faults: [...this.#made] };
  }

  #arm(): void {
    this.#timer = setTimeout(
      () => {
        this.#strike();
        if (this.#made.length < this.#max) this.#arm();
        else this.#timer = undefined;
      },
      this.#random.between(this.#every.min, this.#every.max),
    ).unref();
  }

  #strike(): void {
    const { supervisor } = coreOf(this.#pool);
    // Sorted by id, so that the choice does not depend on the order inside the pool.
    const workers = [...supervisor.living()].map(({ worker }) => worker).sort((a, b) => a.id - b.id);
    const fault = this.#draw();
    const worker = this.#random.pick(workers);
    if (worker?.pid === undefined) return;
    this.#made.push({ atMs: performance.now() - this.#startedAt, fault, workerId: worker.id, pid: worker.pid });
    if (fault === 'kill') worker.signal('SIGKILL');
    else if (fault === 'term') worker.signal('SIGTERM');
    else if (fault === 'stop') this.#halt(worker);
    else if (fault === 'disconnect') worker.disconnect();
    else {
      worker.add(exitMessage(1));
      worker.flush();
    }
  }

  #draw(): Fault {
    let rest = this.#random.next() * this.#weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [fault, weight] of this.#weights) {
      rest -= weight;
      if (rest < 0) return fault;
    }
    return this.#weights[0]?.[0] ?? 'kill';
  }

  #halt(worker: Worker): void {
    const goOn = (): void => {
      worker.signal('SIGCONT');
      this.#stopped.delete(worker);
    };
    worker.signal('SIGSTOP');
    clearTimeout(this.#stopped.get(worker));
    this.#stopped.set(worker, setTimeout(goOn, this.#random.between(1, STOP_MS)).unref());
  }

  #end(): void {
    this.#pool.off('closed', this.#onClosed);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [worker, timer] of this.#stopped) {
      clearTimeout(timer);
      worker.signal('SIGCONT');
    }
    this.#stopped.clear();
  }
}

function everyOf(value: unknown): { min: number; max: number } {
  if (typeof value === 'number') {
    const every = check('everyMs', periodMs, value);
    return { min: every, max: every };
  }
  const section = new Section('everyMs', value, ['min', 'max']);
  const min = check('everyMs.min', periodMs, section.raw('min'));
  const max = check('everyMs.max', finiteNumber, section.raw('max'));
  if (max < min) throw invalid('everyMs.max', `a number >= min (${min})`, max);
  return { min, max };
}

function weightsOf(value: unknown): (readonly [Fault, number])[] {
  const section = new Section('faults', plainObject('faults', value), FAULTS);
  const weights = FAULTS.map((fault) => [fault, section.get(fault, weight, 0)] as const).filter(([, share]) => share > 0);
  if (weights.length === 0) throw invalid('faults', 'at least one weight above 0', value);
  return weights;
}

const weight = {
  text: 'a finite number >= 0',
  holds: (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0,
};
