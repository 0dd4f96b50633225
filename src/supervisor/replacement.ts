/**
 * Replaces living workers, for recycling and `restart()`. The new worker boots in a slot of its own
 * while the old one keeps working. Once ready, it takes over the regular slot, and only then the
 * old worker drains and leaves, so capacity never dips. `Replacement` owns the restarts under way.
 */
import { type Deferred, deferred } from '../shared/deferred.js';
import { EverpoolError } from '../shared/errors.js';
import type { Death } from '../shared/types.js';
import { describeDeath } from './lifecycle/death.js';
import type { Worker } from './lifecycle/worker.js';
import type { SpawnThrottle } from './restart/spawn-throttle.js';
import type { RecycleCause, Slot } from './slot.js';
import type { Slots } from './slots.js';
import type { SupervisorListener } from './supervisor-listener.js';

export class Replacement {
  readonly #slots: Slots;
  readonly #throttle: SpawnThrottle;
  readonly #listener: SupervisorListener;
  readonly #restarts = new Set<Deferred<void>>(); // in progress

  constructor(slots: Slots, throttle: SpawnThrottle, listener: SupervisorListener) {
    this.#slots = slots;
    this.#throttle = throttle;
    this.#listener = listener;
  }

  /**
   * Resolves when the slot has a new worker. For a restart it rejects if the new worker dies before
   * it is ready; for any other cause the boot is retried.
   */
  replace(worker: Worker, why: RecycleCause): Promise<void> {
    const slot = this.#slots.of(worker);
    if (slot?.role === 'spare') {
      this.#slots.empty(slot);
      this.retire(worker, why);
      this.#throttle.refill();
    }
    if (slot?.role !== 'regular') return Promise.resolve(); // already replaced
    const outcome = deferred<void>();
    const spare = why === 'restart' || slot.replacement !== undefined ? undefined : this.#slots.takeSpare();
    const replacement = slot.replacement ?? this.#slots.addReplacement(slot, why);
    replacement.outcomes.push((error) => (error === undefined ? outcome.resolve() : outcome.reject(error)));
    if (spare !== undefined) this.promote(replacement, spare);
    this.#throttle.refill();
    return outcome.promise;
  }

  /** Rejects, and stops replacing, as soon as one replacement fails or the pool breaks. */
  restart(isRolling: boolean): Promise<void> {
    const restart = deferred<void>();
    this.#restarts.add(restart);
    this.#replaceAll(isRolling, restart).then(restart.resolve, restart.reject);
    return restart.promise;
  }

  async #replaceAll(isRolling: boolean, restart: Deferred<void>): Promise<void> {
    const present = this.#slots.regular.flatMap((slot) => slot.worker ?? []);
    const spares = this.#slots.spares.flatMap((spare) => spare.worker ?? []);
    try {
      if (!isRolling) await Promise.all(present.splice(0).map((worker) => this.replace(worker, 'restart')));
      for (const worker of [...present, ...spares]) if (this.#restarts.has(restart)) await this.replace(worker, 'restart');
    } finally {
      this.#restarts.delete(restart);
    }
  }

  /**
   * A broken pool starts no replacement, so no restart may wait for one (G1). Booting replacements
   * may still take over.
   */
  onBroken(error: Error): void {
    for (const restart of this.#restarts) restart.reject(error);
    this.#restarts.clear();
    for (const replacement of [...this.#slots.replacements]) {
      if (replacement.cause === 'restart' && replacement.worker === undefined) this.drop(replacement, error);
    }
  }

  /** The worker accepts no more tasks, and leaves when its current ones are done. */
  retire(worker: Worker, why: RecycleCause): void {
    if (worker.state !== 'starting' && worker.state !== 'ready') return;
    this.#listener.onRecycled(worker, why);
    worker.drain();
    if ((worker.client?.load ?? 0) === 0) worker.leave();
  }

  /** The worker of the replacement, or a spare instead, takes the regular slot. */
  promote(replacement: Slot, worker: Worker): void {
    const slot = replacement.replaces as Slot;
    this.#slots.retire(replacement);
    const old = this.#slots.empty(slot);
    this.#slots.occupy(slot, worker);
    this.#listener.onUsable(worker);
    if (old !== undefined) this.retire(old, replacement.cause ?? 'restart');
    replacement.settle();
  }

  /**
   * The slot's worker has died: a replacement takes over now. Returns its worker, if it has one.
   */
  takeOver(slot: Slot): Worker | undefined {
    const { replacement } = slot;
    if (replacement === undefined) return undefined;
    const worker = this.#slots.retire(replacement);
    replacement.settle();
    return worker;
  }

  /** The slot was retired, or the replacement has failed. */
  drop(replacement: Slot, error?: Error): void {
    this.#slots.retire(replacement)?.kill();
    replacement.settle(error);
  }
}

/** The error of a restart whose replacement died. */
export function failedRestart(worker: Worker, death: Death): EverpoolError {
  const tail = death.stderrTail === '' ? '' : `\n${death.stderrTail}`;
  const text = `restart failed: replacement worker ${worker.id} ${describeDeath(death)}; the remaining workers are kept${tail}`;
  return new EverpoolError(text, 'ERR_EVERPOOL_RESTART', { cause: worker.bootError });
}
