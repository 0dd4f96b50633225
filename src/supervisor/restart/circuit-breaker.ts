/**
 * Applies the restart intensity to one pool: counts charged deaths, recognises the worker that
 * proves that workers can start again, and times the probes of a broken pool. It owns the timers
 * for that. The rules are pure functions in restart-intensity.ts; recovery.ts acts on them.
 */
import type { Clock, Timer } from '../../shared/platform.js';
import type { Worker } from '../lifecycle/worker.js';
import {
  calm,
  charge,
  isExceeded,
  isProof,
  nextProbeAt,
  nextSpawnAt,
  prove,
  type RestartRule,
  type RestartState,
  spawned,
} from './restart-intensity.js';

/** A worker that stays ready for this long is proven. */
const PROOF_MS = 1000;

export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #rule: RestartRule;
  readonly #probeMs: number | false;
  readonly #onProven: (worker: Worker) => void;
  readonly #proofs = new Map<Worker, Timer | undefined>(); // no timer: waits for the answer
  #state: RestartState = calm;
  #ordinal = 0;
  #probe: Timer | undefined;

  /** `onProven` is called with each worker that proves that workers can start again. */
  constructor(clock: Clock, rule: RestartRule, probeMs: number | false, onProven: (worker: Worker) => void) {
    this.#clock = clock;
    this.#rule = rule;
    this.#probeMs = probeMs;
    this.#onProven = onProven;
  }

  get isExceeded(): boolean {
    return isExceeded(this.#state, this.#rule);
  }

  charge(): void {
    this.#ordinal += 1;
    this.#state = charge(this.#state, this.#rule, this.#clock.now(), this.#ordinal);
  }

  /** A spawn begins. Returns its ordinal among all spawns and charged deaths. */
  onSpawn(): number {
    this.#ordinal += 1;
    this.#state = spawned(this.#state, this.#rule, this.#clock.now());
    return this.#ordinal;
  }

  /** When the next spawn may begin: `now`, a later time, or Infinity until something changes. */
  nextSpawnAt(now: number, starting: number, pacing: number): number {
    return nextSpawnAt(this.#state, this.#rule, now, starting, pacing);
  }

  /** The worker's second begins: if it stays ready for that long, that is a proof. */
  onReady(worker: Worker): void {
    const timer = this.#clock.setTimer(() => this.#askForProof(worker), PROOF_MS);
    this.#proofs.set(worker, timer);
  }

  /**
   * The worker may have died already, with its exit event still to come. Only the system knows, or
   * else the worker itself (G10).
   */
  #askForProof(worker: Worker): void {
    this.#proofs.set(worker, undefined);
    if (worker.vitals()?.isStopped === false) this.#lasted(worker);
    else worker.ask(() => this.#lasted(worker));
  }

  #lasted(worker: Worker): void {
    if (!this.#proofs.delete(worker)) return; // forgotten in the meantime
    if (isProof(this.#state, worker.ordinal, 'time')) this.proved(worker);
  }

  /** The worker has finished its first task. */
  onUseful(worker: Worker): void {
    this.forget(worker);
    if (isProof(this.#state, worker.ordinal, 'task')) this.proved(worker);
  }

  forget(worker: Worker): void {
    const timer = this.#proofs.get(worker);
    if (timer !== undefined) this.#clock.clearTimer(timer);
    this.#proofs.delete(worker);
  }

  /** The count of charged deaths starts again from zero. */
  proved(worker: Worker): void {
    this.#state = prove(this.#state);
    this.#onProven(worker);
  }

  /** Forgets the crash history. */
  reset(): void {
    this.#state = calm;
  }

  /**
   * Schedules a probe of a broken pool. A probe is a spawn, so the limit of spawns applies to it.
   */
  armProbe(onDue: () => void): void {
    if (this.#probeMs === false || this.#probe !== undefined) return;
    this.#armProbeAt(this.#clock.now() + this.#probeMs, onDue);
  }

  /**
   * The limit is checked when the timer fires, because a queued spawn may have begun until then.
   */
  #armProbeAt(at: number, onDue: () => void): void {
    this.#probe = this.#clock.setTimer(() => {
      this.#probe = undefined;
      const now = this.#clock.now();
      const next = nextProbeAt(this.#state, this.#rule, now);
      if (next > now) this.#armProbeAt(next, onDue);
      else onDue();
    }, at - this.#clock.now());
  }

  disarmProbe(): void {
    if (this.#probe !== undefined) this.#clock.clearTimer(this.#probe);
    this.#probe = undefined;
  }

  stop(): void {
    this.disarmProbe();
    for (const worker of [...this.#proofs.keys()]) this.forget(worker);
  }
}
