/**
 * Fills vacant slots with new workers, as fast as the restart intensity and the pacing allow.
 *
 * The throttle owns the queue of spawns and the record of which workers boot. A p-queue limits how
 * many boot at the same time, so that a storm of deaths cannot fork-bomb the machine.
 */
import PQueue from 'p-queue';
import { type Deferred, deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import type { Clock, Timer } from '../../shared/platform.js';
import type { Worker } from '../lifecycle/worker.js';
import type { Slot } from '../slot.js';
import type { Slots } from '../slots.js';
import type { CircuitBreaker } from './circuit-breaker.js';

/** A spare takes over a slot, and replies, in less. */
const SOON_MS = 10;

export interface SpawnThrottleDelegate {
  /** Whether this slot may get a new worker now. */
  mayFill(slot: Slot): boolean;
  /** Starts the process. */
  spawn(slot: Slot, ordinal: number): Worker;
}

/**
 * All options that p-queue reads, so that it never reads what the program has put on
 * `Object.prototype`.
 */
const PLAIN = { priority: 0, signal: undefined, id: '' };

export class SpawnThrottle {
  readonly #clock: Clock;
  readonly #slots: Slots;
  readonly #breaker: CircuitBreaker;
  readonly #delegate: SpawnThrottleDelegate;
  readonly #pacer: PQueue;
  readonly #booting = new Map<Worker, Deferred<void>>();
  #timer: Timer | undefined;
  #timerAt = 0;
  #hasStopped = false;

  constructor(clock: Clock, slots: Slots, breaker: CircuitBreaker, concurrency: number, delegate: SpawnThrottleDelegate) {
    this.#clock = clock;
    this.#slots = slots;
    this.#breaker = breaker;
    this.#delegate = delegate;
    this.#pacer = new PQueue({ concurrency });
  }

  /**
   * The number of workers that are about to be spawned, are booting, or died in their boot without
   * `onDied` so far. The death of each may be charged, even if its slot has another worker or is
   * retired.
   */
  get starting(): number {
    let count = this.#slots.pacing;
    for (const worker of this.#booting.keys()) if (!worker.isRequested) count += 1;
    return count;
  }

  /**
   * Spawns a worker for every vacant slot that may have one now. The others follow when allowed.
   */
  refill(): void {
    for (const slot of this.#slots.all()) {
      if (slot.state !== 'vacant' || !this.#delegate.mayFill(slot)) continue;
      if (!this.#isTime()) return;
      this.#queue(slot, () => this.#delegate.mayFill(slot) && this.#isTime());
    }
  }

  /**
   * `refill`, a little later: a spawn blocks the parent for milliseconds, which would delay a
   * result.
   */
  refillSoon(): void {
    this.#refillAt(SOON_MS);
  }

  /** Spawns a worker for this slot, whatever the restart intensity allows (a probe). */
  fill(slot: Slot): void {
    this.#queue(slot, () => true);
  }

  /** Whether the restart intensity allows a spawn now. If not, a timer retries when it does. */
  #isTime(): boolean {
    const now = this.#clock.now();
    const at = this.#breaker.nextSpawnAt(now, this.starting, this.#slots.pacing);
    if (at > now && at !== Number.POSITIVE_INFINITY) this.#refillAt(at - now);
    return at <= now;
  }

  #queue(slot: Slot, mayStill: () => boolean): void {
    slot.become('pacing');
    const begun = this.#pacer.add(async () => {
      if (slot.state !== 'pacing') return; // the slot was retired while it waited for its turn
      slot.become('vacant');
      if (mayStill()) await this.#begin(slot);
    }, PLAIN);
    // Nothing in the callback throws. But `add`, an async function, looks up `then` of the promise
    // that it returns, and the program may have replaced that.
    begun.catch(ignore);
  }

  /** The worker has booted or died: the next one may boot. */
  booted(worker: Worker): void {
    this.#booting.get(worker)?.resolve();
    this.#booting.delete(worker);
  }

  /** Ends all spawning, for good. */
  stop(): void {
    this.#hasStopped = true;
    this.#pacer.clear();
    this.#clearTimer();
  }

  #begin(slot: Slot): Promise<void> {
    const worker = this.#delegate.spawn(slot, this.#breaker.onSpawn());
    this.#slots.occupy(slot, worker);
    const booted = deferred<void>();
    this.#booting.set(worker, booted);
    return booted.promise;
  }

  /** An earlier timer stays: its `refill` computes the next time itself. */
  #refillAt(delayMs: number): void {
    const at = this.#clock.now() + delayMs;
    if (this.#hasStopped || (this.#timer !== undefined && this.#timerAt <= at)) return;
    this.#clearTimer();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => {
      this.#timer = undefined;
      this.refill();
    }, delayMs);
  }

  #clearTimer(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}
