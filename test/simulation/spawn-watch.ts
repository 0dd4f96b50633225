/**
 * G10, counted exactly and beside the pool. From the first charged death until a worker is proven
 * that was spawned after it, no more than `intensity + 1` spawns begin in any `periodMs`, probes
 * included. Except for probes, nothing is spawned while the booting workers, if all of them were
 * charged, are more than the pool survives.
 */
import type { Pool } from '../../src/pool/pool.js';
import { Worker } from '../../src/supervisor/lifecycle/worker.js';
import { CircuitBreaker } from '../../src/supervisor/restart/circuit-breaker.js';
import type { SimProcess } from './sim-process.js';
import type { SimSpawner } from './sim-spawner.js';
import type { World } from './world.js';

/** A worker that was ready for this time is proven (G10). */
const PROOF_MS = 1000;

export class SpawnWatch {
  readonly #world: World;
  readonly #spawner: SimSpawner;
  readonly #intensity: number;
  readonly #periodMs: number;
  readonly #readyAt = new WeakMap<Worker, number>();
  /** By ordinal: the workers whose death, if it comes, is charged as one in the boot. */
  readonly #booting = new Set<number>();
  #pool: Pool<object> | undefined;
  #order = 0; // of spawns and charged deaths together, as the ordinals of the workers
  #first = Number.POSITIVE_INFINITY; // the order of the first charged death since the last proof
  #last = Number.POSITIVE_INFINITY;
  #charged = 0;
  #isUseful = false; // a worker is being counted as useful
  /** Since the first charged death. */
  #spawns: number[] = [];
  readonly #takeBack: () => void;

  /** Called before the pool is made, because its constructor begins to spawn. */
  constructor(world: World, spawner: SimSpawner, rule: { readonly intensity: number; readonly periodMs: number }) {
    this.#world = world;
    this.#spawner = spawner;
    this.#intensity = rule.intensity;
    this.#periodMs = rule.periodMs;
    const { charge, onSpawn, onReady, onUseful, proved, forget, reset } = CircuitBreaker.prototype;
    const { leave, kill } = Worker.prototype;
    const watch = this;
    Object.assign(CircuitBreaker.prototype, {
      charge(this: CircuitBreaker): void {
        watch.#onCharge();
        charge.call(this);
      },
      onSpawn(this: CircuitBreaker): number {
        watch.#onSpawn();
        return onSpawn.call(this);
      },
      onReady(this: CircuitBreaker, worker: Worker): void {
        watch.#readyAt.set(worker, world.now());
        watch.#booting.delete(worker.ordinal);
        onReady.call(this, worker);
      },
      onUseful(this: CircuitBreaker, worker: Worker): void {
        watch.#isUseful = true;
        onUseful.call(this, worker);
        watch.#isUseful = false;
      },
      proved(this: CircuitBreaker, worker: Worker): void {
        watch.#onProved(worker);
        proved.call(this, worker);
      },
      forget(this: CircuitBreaker, worker: Worker): void {
        watch.#booting.delete(worker.ordinal);
        forget.call(this, worker);
      },
      reset(this: CircuitBreaker): void {
        watch.#forget();
        reset.call(this);
      },
    });
    Object.assign(Worker.prototype, {
      leave(this: Worker, ...args: Parameters<Worker['leave']>): void {
        watch.#onRequested(this);
        leave.apply(this, args);
      },
      kill(this: Worker, ...args: Parameters<Worker['kill']>): void {
        watch.#onRequested(this);
        kill.apply(this, args);
      },
    });
    this.#takeBack = () => {
      Object.assign(CircuitBreaker.prototype, { charge, onSpawn, onReady, onUseful, proved, forget, reset });
      Object.assign(Worker.prototype, { leave, kill });
    };
  }

  /**
   * A pool breaks after more than `intensity` charged deaths, and not before, unless no worker can
   * ever be started.
   */
  listenTo(pool: Pool<object>, bootTimeoutMs: number): void {
    this.#pool = pool;
    let charged = 0;
    pool.on('workerDied', ({ workerId, death }) => {
      if (death.cause === 'boot-timeout') this.#checkBoot(this.#spawner.find(workerId), bootTimeoutMs);
      if (!death.requested && death.phase !== 'task') charged += 1;
    });
    let wasEverReady = false;
    pool.on('workerReady', () => {
      wasEverReady = true;
    });
    pool.on('broken', ({ error }) => {
      // A missing program does not appear by waiting, so the first death is enough.
      const isHopeless = !wasEverReady && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
      if (charged <= this.#intensity && !isHopeless)
        this.#world.fault(`G10: it broke after ${charged} charged deaths; intensity ${this.#intensity}`);
    });
    pool.on('recovered', () => {
      charged = 0;
    });
  }

  stop(): void {
    this.#takeBack();
  }

  /** No worker is charged for a pause of the parent, nor for bytes that the parent had not read. */
  #checkBoot({ workerId, readyAt, signalledAt, hasReadUntil, bootSentAt, isFaulty }: SimProcess, bootTimeoutMs: number): void {
    if (isFaulty) return; // its report of readiness may be forged or lost
    if (readyAt < hasReadUntil && signalledAt < Number.POSITIVE_INFINITY)
      this.#world.fault(`G10: worker ${workerId} was ready in time, and is charged with its boot`);
    else if (bootSentAt < signalledAt && signalledAt < bootSentAt + bootTimeoutMs - 0.001)
      this.#world.fault(
        `G10: worker ${workerId} had ${(signalledAt - bootSentAt).toFixed(1)} ms to boot, bootTimeoutMs is ${bootTimeoutMs}`,
      );
  }

  #onCharge(): void {
    this.#order += 1;
    this.#last = this.#order;
    if (this.#charged === 0) {
      this.#first = this.#order;
      this.#spawns = [];
    }
    this.#charged += 1;
    this.#world.log('a death is charged:', this.#charged);
  }

  /** Its end is requested, so it is not charged, unless something else had ended it before. */
  #onRequested(worker: Worker): void {
    if (worker.state === 'starting') this.#booting.delete(worker.ordinal);
  }

  #onSpawn(): void {
    this.#order += 1;
    const booting = this.#booting.size;
    this.#booting.add(this.#order);
    if (this.#charged === 0) return;
    if (this.#charged + booting > this.#intensity && this.#pool?.state !== 'broken')
      this.#world.fault(
        `G10: one more is spawned after ${this.#charged} charged deaths, while ${booting} boot (${[...this.#booting].slice(0, -1)}); intensity ${this.#intensity}`,
      );
    const now = this.#world.now();
    this.#spawns.push(now);
    const earlier = this.#spawns.at(-this.#intensity - 2);
    if (earlier === undefined || earlier + this.#periodMs <= now) return;
    const from = `${earlier.toFixed(1)} to ${now.toFixed(1)} ms`;
    this.#world.fault(`G10: ${this.#intensity + 2} spawns from ${from}; intensity ${this.#intensity}, period ${this.#periodMs} ms`);
  }

  /**
   * A finished task proves that workers can be started again; the length of a life only if none has
   * failed since the spawn.
   */
  #onProved(worker: Worker): void {
    const { diedAt, workerId } = this.#spawner.find(worker.id);
    const lasted = Math.min(diedAt, this.#world.now()) >= (this.#readyAt.get(worker) ?? Number.POSITIVE_INFINITY) + PROOF_MS;
    const isProof = worker.ordinal > this.#first ? this.#isUseful || (lasted && worker.ordinal > this.#last) : this.#charged === 0;
    if (!isProof) this.#world.fault(`G10: worker ${workerId} is taken for a proof that workers can be started again`);
    this.#forget();
  }

  #forget(): void {
    this.#charged = 0;
    this.#first = Number.POSITIVE_INFINITY;
    this.#last = Number.POSITIVE_INFINITY;
    this.#spawns = [];
  }
}
