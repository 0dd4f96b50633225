/**
 * Breaks the pool when its workers cannot start, and recovers it (G10).
 *
 * A broken pool spawns one worker (a probe) every `probeMs`. It recovers when a worker is proven:
 * it has finished a task, or stayed ready for a second. `revive` recovers it immediately. The
 * counts and the timer are the circuit breaker's; the state is the pool's (pool-state.ts).
 */
import type { Death } from '../shared/types.js';
import type { Worker } from './lifecycle/worker.js';
import type { PoolState } from './pool-state.js';
import type { Replacement } from './replacement.js';
import type { CircuitBreaker } from './restart/circuit-breaker.js';
import type { SpawnThrottle } from './restart/spawn-throttle.js';
import type { Slots } from './slots.js';
import type { SupervisorDelegate, SupervisorListener } from './supervisor-listener.js';

export class Recovery {
  readonly #poolState: PoolState;
  readonly #slots: Slots;
  readonly #breaker: CircuitBreaker;
  readonly #throttle: SpawnThrottle;
  readonly #replacement: Replacement;
  readonly #listener: SupervisorListener & SupervisorDelegate;

  constructor(
    poolState: PoolState,
    slots: Slots,
    breaker: CircuitBreaker,
    throttle: SpawnThrottle,
    replacement: Replacement,
    listener: SupervisorListener & SupervisorDelegate,
  ) {
    this.#poolState = poolState;
    this.#slots = slots;
    this.#breaker = breaker;
    this.#throttle = throttle;
    this.#replacement = replacement;
    this.#listener = listener;
  }

  get #isBroken(): boolean {
    return this.#poolState.state === 'broken';
  }

  /** This death was one too many. A pool that is ending breaks too: its remaining tasks fail. */
  break(worker: Worker, death: Death): void {
    if (this.#poolState.state === 'closed') return;
    if (!this.#isBroken) this.#replacement.onBroken(this.#listener.breakPool(death, worker.bootError));
    if (this.#isBroken) this.#breaker.armProbe(() => this.#probe());
  }

  #probe(): void {
    if (!this.#isBroken) return;
    const slot = [...this.#slots.regular, ...this.#slots.spares].find((candidate) => candidate.worker === undefined);
    if (this.#throttle.starting === 0) {
      if (slot === undefined) this.#recover();
      else this.#throttle.fill(this.#slots.emptied(slot));
    }
    if (this.#isBroken) this.#breaker.armProbe(() => this.#probe());
  }

  /** The pool is ending: whether workers can start again no longer matters. */
  stopProbing(): void {
    this.#breaker.disarmProbe();
  }

  /** Forgets the crash history and starts workers again. */
  revive(): void {
    if (this.#isBroken) this.#recover();
  }

  /** Workers can start again: the cause of the charged deaths no longer exists. */
  onProven(worker: Worker): void {
    const slot = this.#slots.of(worker);
    if (slot !== undefined) slot.failures = 0;
    if (this.#isBroken) this.#recover();
    else this.#throttle.refillSoon();
  }

  #recover(): void {
    this.#poolState.recover();
    this.#breaker.reset();
    this.#breaker.disarmProbe();
    for (const slot of this.#slots.all()) {
      slot.failures = 0;
      if (slot.state === 'backing-off') this.#slots.empty(slot);
    }
    this.#listener.onRecovered();
    this.#throttle.refill();
    this.#listener.onWorkersChanged();
  }
}
