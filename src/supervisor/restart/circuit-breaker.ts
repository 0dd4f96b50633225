/**
 * Counts the charged deaths of a supervisor, knows which worker proves that their cause is gone, and
 * times the probes of a broken pool. The rules themselves are in restart-intensity.ts.
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

/** A worker that was ready for so long is proven (contract: "Restart intensity"). */
const PROOF_MS = 1000;

export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #rule: RestartRule;
  readonly #probeMs: number | false;
  readonly #onProven: (worker: Worker) => void;
  readonly #proofs = new Map<Worker, Timer | undefined>(); // without a timer: it has been asked
  #state: RestartState = calm;
  #ordinal = 0;
  #probe: Timer | undefined;

  /** `onProven` is told of a worker that proves that the cause of the charged deaths is gone. */
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

  /** A spawn begins: its place among spawns and charged deaths. */
  onSpawn(): number {
    this.#ordinal += 1;
    this.#state = spawned(this.#state, this.#rule, this.#clock.now());
    return this.#ordinal;
  }

  /** `now`: at once; later: then; Infinity: not before something changes. */
  nextSpawnAt(now: number, starting: number, pacing: number): number {
    return nextSpawnAt(this.#state, this.#rule, now, starting, pacing);
  }

  /** From now on it is looked at: if it stays ready for a second, that is a proof. */
  onReady(worker: Worker): void {
    const timer = this.#clock.setTimer(() => this.#askForProof(worker), PROOF_MS);
    this.#proofs.set(worker, timer);
  }

  /** It may have died long ago, and the news of it be late: only the system knows, or else the worker itself (G10). */
  #askForProof(worker: Worker): void {
    this.#proofs.set(worker, undefined);
    if (worker.vitals()?.isStopped === false) this.#lasted(worker);
    else worker.ask(() => this.#lasted(worker));
  }

  #lasted(worker: Worker): void {
    if (!this.#proofs.delete(worker)) return; // forgotten meanwhile
    if (isProof(this.#state, worker.ordinal, 'time')) this.proved(worker);
  }

  /** It finished its first task. */
  onUseful(worker: Worker): void {
    this.forget(worker);
    if (isProof(this.#state, worker.ordinal, 'task')) this.proved(worker);
  }

  forget(worker: Worker): void {
    const timer = this.#proofs.get(worker);
    if (timer !== undefined) this.#clock.clearTimer(timer);
    this.#proofs.delete(worker);
  }

  /** The count of the charged deaths begins anew. */
  proved(worker: Worker): void {
    this.#state = prove(this.#state);
    this.#onProven(worker);
  }

  /** Forgets the crash history. */
  reset(): void {
    this.#state = calm;
  }

  /** A probe of a broken pool, when it is due; it is a spawn and obeys the limit of spawns. */
  armProbe(onDue: () => void): void {
    if (this.#probeMs === false || this.#probe !== undefined) return;
    this.#armProbeAt(this.#clock.now() + this.#probeMs, onDue);
  }

  /** The limit is asked when the time has come: a spawn that waited for its turn may have begun meanwhile. */
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
