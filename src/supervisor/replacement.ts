/**
 * Replaces living workers: the successor boots while the old worker goes on, takes over its slot when it is
 * ready, and only then the old one drains and leaves. So capacity never dips (recycling, rolling restart).
 */
import { type Deferred, deferred } from '../shared/deferred.js';
import { EverpoolError } from '../shared/errors.js';
import type { Death } from '../shared/types.js';
import { describeDeath } from './lifecycle/death.js';
import type { Worker } from './lifecycle/worker.js';
import type { SpawnLine } from './restart/spawn-throttle.js';
import type { Berth, RecycleCause } from './slot.js';
import type { Berths } from './slots.js';
import type { SupervisorUser } from './supervisor-listener.js';

export class Succession {
  readonly #berths: Berths;
  readonly #line: SpawnLine;
  readonly #user: SupervisorUser;
  readonly #restarts = new Set<Deferred<void>>(); // under way

  constructor(berths: Berths, line: SpawnLine, user: SupervisorUser) {
    this.#berths = berths;
    this.#line = line;
    this.#user = user;
  }

  /** Resolves when the slot has another worker; rejects if that one died before it was ready (restart only: else it is tried again). */
  replace(worker: Worker, why: RecycleCause): Promise<void> {
    const berth = this.#berths.of(worker);
    if (berth?.role === 'spare') {
      this.#berths.empty(berth);
      this.retire(worker, why);
      this.#line.refill();
    }
    if (berth?.role !== 'slot') return Promise.resolve(); // it has been replaced already
    const outcome = deferred<void>();
    const spare = why === 'restart' || berth.successor !== undefined ? undefined : this.#berths.takeSpare();
    const successor = berth.successor ?? this.#berths.addSuccessor(berth, why);
    successor.outcomes.push((error) => (error === undefined ? outcome.resolve() : outcome.reject(error)));
    if (spare !== undefined) this.succeed(successor, spare);
    this.#line.refill();
    return outcome.promise;
  }

  /** Rejects as soon as a replacement fails, or the pool breaks; then it replaces no more. */
  restart(isRolling: boolean): Promise<void> {
    const restart = deferred<void>();
    this.#restarts.add(restart);
    this.#replaceAll(isRolling, restart).then(restart.resolve, restart.reject);
    return restart.promise;
  }

  async #replaceAll(isRolling: boolean, restart: Deferred<void>): Promise<void> {
    const present = this.#berths.slots.flatMap((slot) => slot.worker ?? []);
    const spares = this.#berths.spares.flatMap((spare) => spare.worker ?? []);
    try {
      if (!isRolling) await Promise.all(present.splice(0).map((worker) => this.replace(worker, 'restart')));
      for (const worker of [...present, ...spares]) if (this.#restarts.has(restart)) await this.replace(worker, 'restart');
    } finally {
      this.#restarts.delete(restart);
    }
  }

  /** No replacement is started any more, so no restart may wait for one (G1). Those that boot may still take over. */
  onBroken(error: Error): void {
    for (const restart of this.#restarts) restart.reject(error);
    this.#restarts.clear();
    for (const successor of [...this.#berths.successors]) {
      if (successor.cause === 'restart' && successor.worker === undefined) this.drop(successor, error);
    }
  }

  /** It takes no more tasks, and leaves when it is done with those it has. */
  retire(worker: Worker, why: RecycleCause): void {
    if (worker.state !== 'starting' && worker.state !== 'ready') return;
    this.#user.onRecycled(worker, why);
    worker.drain();
    if ((worker.tenant?.load ?? 0) === 0) worker.leave();
  }

  /** The successor's worker, or a spare in its place, takes the slot. */
  succeed(successor: Berth, worker: Worker): void {
    const slot = successor.heirOf as Berth;
    this.#berths.retire(successor);
    const old = this.#berths.empty(slot);
    this.#berths.occupy(slot, worker);
    this.#user.onUsable(worker);
    if (old !== undefined) this.retire(old, successor.cause ?? 'restart');
    successor.settle();
  }

  /** The slot's worker has died: its successor, booting or not yet spawned, has nothing to wait for. */
  takeOver(slot: Berth): Worker | undefined {
    const { successor } = slot;
    if (successor === undefined) return undefined;
    const worker = this.#berths.retire(successor);
    successor.settle();
    return worker;
  }

  /** Its slot is no more, or it has failed. */
  drop(successor: Berth, error?: Error): void {
    this.#berths.retire(successor)?.kill();
    successor.settle(error);
  }
}

/** Why a restart could not go on. */
export function failedRestart(worker: Worker, death: Death): EverpoolError {
  const tail = death.stderrTail === '' ? '' : `\n${death.stderrTail}`;
  const text = `restart: the replacement, worker ${worker.id}, ${describeDeath(death)}; the workers that are not yet replaced stay${tail}`;
  return new EverpoolError(text, 'ERR_EVERPOOL_RESTART', { cause: worker.bootError });
}
