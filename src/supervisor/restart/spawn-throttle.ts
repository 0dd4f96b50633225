/**
 * Fills vacant berths with new workers, as fast as the restart intensity and the pacing allow.
 *
 * p-queue bounds how many boot at once, so that a storm of deaths cannot fork-bomb the machine.
 */
import PQueue from 'p-queue';
import { type Deferred, deferred } from '../../shared/deferred.js';
import { ignore } from '../../shared/ignore.js';
import type { Clock, Timer } from '../../shared/platform.js';
import type { Worker } from '../lifecycle/worker.js';
import type { Slot } from '../slot.js';
import type { Slots } from '../slots.js';
import type { CircuitBreaker } from './circuit-breaker.js';

/** A spare takes its place, and answers, in less. */
const SOON_MS = 10;

export interface SpawnThrottleDelegate {
  /** May this berth be given a new worker now? */
  mayFill(slot: Slot): boolean;
  /** Starts the process. */
  spawn(slot: Slot, ordinal: number): Worker;
}

/** What p-queue asks of its options, so that it finds nothing that the program has put on the prototype of all objects. */
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
   * Workers that are about to be spawned, that boot, or that have ended in their boot while their death is not told yet: each may
   * be charged, also where its place was given to another or is no more.
   */
  get starting(): number {
    let count = this.#slots.pacing;
    for (const worker of this.#booting.keys()) if (!worker.isRequested) count += 1;
    return count;
  }

  /** Starts a worker in every vacant berth that may have one now; the rest follow when they may. */
  refill(): void {
    for (const slot of this.#slots.all()) {
      if (slot.state !== 'vacant' || !this.#delegate.mayFill(slot)) continue;
      if (!this.#isTime()) return;
      this.#queue(slot, () => this.#delegate.mayFill(slot) && this.#isTime());
    }
  }

  /** The same, a little later: a spawn takes the parent milliseconds, in which a result would wait. */
  refillSoon(): void {
    this.#refillAt(SOON_MS);
  }

  /** Starts one in this berth, whatever the restart intensity says (a probe). */
  fill(slot: Slot): void {
    this.#queue(slot, () => true);
  }

  /** The restart intensity allows a spawn now; else it is tried again when it does. */
  #isTime(): boolean {
    const now = this.#clock.now();
    const at = this.#breaker.nextSpawnAt(now, this.starting, this.#slots.pacing);
    if (at > now && at !== Number.POSITIVE_INFINITY) this.#refillAt(at - now);
    return at <= now;
  }

  #queue(slot: Slot, mayStill: () => boolean): void {
    slot.become('pacing');
    const begun = this.#pacer.add(async () => {
      if (slot.state !== 'pacing') return; // it was retired while it waited its turn
      slot.become('vacant');
      if (mayStill()) await this.#begin(slot);
    }, PLAIN);
    // `add` is an async function that returns a promise, so it looks up `then`, which the program may have replaced. Nothing in here throws.
    begun.catch(ignore);
  }

  /** The worker has booted, or died: the next may boot. */
  booted(worker: Worker): void {
    this.#booting.get(worker)?.resolve();
    this.#booting.delete(worker);
  }

  /** For good. */
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

  /** A timer that is set for earlier stays; each finds out when it is time for the next. */
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
