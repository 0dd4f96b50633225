/**
 * Keeps the wanted number of workers alive. The supervisor owns the slots and the workers: it
 * decides what follows a death, when a living worker is replaced, and when the pool breaks. It
 * knows nothing of tasks: the dead worker's client (worker-client.ts) has settled or requeued them
 * before.
 *
 * A slot is a place for one worker: `regular`, `spare` (in reserve), or `replacement` (where the
 * worker that replaces a living one boots). Its states (slot.ts): `vacant`, `pacing` (waits for its
 * turn to spawn), `occupied`, `backing-off` (a pause after a charged death), `retired` (removed for
 * good).
 *
 * A death is charged to the restart intensity if nobody requested it and no task was running: a
 * failed spawn, a failed or slow boot, the death of an idle worker. A death during a task is
 * charged to that task. A death that the pool requested (kill, timeout, recycling, shutdown) is
 * charged to nothing.
 *
 * After a death, the first case that applies decides about the slot (restart-policy.ts):
 *   1. a replacement that boots for `restart()`: its slot is removed, and the restart rejects
 *   2. a regular slot: the worker of its replacement, or a ready spare, takes the slot
 *   3. a regular slot above the minimum, death not charged: it is retired; waiting tasks reopen it
 *   4. death charged: the slot backs off, longer with each failure, and then gets a new worker
 *   5. otherwise: the slot gets a new worker as soon as the spawn throttle allows
 *
 * The pool breaks on more than `intensity` charged deaths without a proof between them, or on one
 * whose cause cannot change by itself. A proof is a worker, spawned after the trouble began, that
 * finishes a task or stays ready for a second. Until then at most `intensity + 1` spawns begin in
 * any `periodMs`. A broken pool rejects queued and new tasks; running tasks go on. It spawns one
 * worker (a probe) every `probeMs`, and recovers when a worker is proven, or on `revive`
 * (recovery.ts, G10).
 */
import type { Message } from '../ipc/frame.js';
import { ignore } from '../shared/ignore.js';
import type { Clock, Spawner } from '../shared/platform.js';
import type { Story } from '../shared/transitions.js';
import type { Death } from '../shared/types.js';
import { HealthChecks } from './health/health-checks.js';
import { describeDeath } from './lifecycle/death.js';
import { Worker } from './lifecycle/worker.js';
import type { WorkerOwner } from './lifecycle/worker-state.js';
import type { PoolState } from './pool-state.js';
import { Recovery } from './recovery.js';
import { failedRestart, Replacement } from './replacement.js';
import { backoffMs } from './restart/backoff.js';
import { CircuitBreaker } from './restart/circuit-breaker.js';
import { afterDeath, isCharged } from './restart/restart-policy.js';
import { SpawnThrottle } from './restart/spawn-throttle.js';
import { isReady, type RecycleCause, type Slot } from './slot.js';
import { Slots } from './slots.js';
import type { SupervisorDelegate, SupervisorListener, SupervisorRules } from './supervisor-listener.js';

export class Supervisor implements WorkerOwner<Worker> {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: SupervisorRules;
  readonly #poolState: PoolState;
  readonly listener: SupervisorListener;
  readonly #delegate: SupervisorDelegate;
  readonly #random: () => number;
  readonly #slots: Slots;
  readonly #breaker: CircuitBreaker;
  readonly #throttle: SpawnThrottle;
  readonly #replacement: Replacement;
  readonly recovery: Recovery;
  readonly #healthChecks: HealthChecks;
  readonly #workers = new Map<number, Worker>(); // until the process group is confirmed dead
  #min: number;
  #max: number;
  #spawnedCount = 0; // also the last id, because ids are never reused
  #deathCount = 0;
  #wasEverReady = false; // any worker

  constructor(
    clock: Clock,
    spawner: Spawner,
    rules: SupervisorRules,
    poolState: PoolState,
    listener: SupervisorListener & SupervisorDelegate,
    random: () => number,
  ) {
    this.clock = clock;
    this.spawner = spawner;
    this.rules = rules;
    this.#poolState = poolState;
    this.listener = listener;
    this.#delegate = listener;
    this.#random = random;
    this.#min = rules.min;
    this.#max = rules.max;
    this.#slots = new Slots(clock, poolState.story);
    this.#breaker = new CircuitBreaker(clock, rules.restart, rules.restart.probeMs, (worker) => this.recovery.onProven(worker));
    this.#throttle = new SpawnThrottle(clock, this.#slots, this.#breaker, rules.spawnConcurrency, {
      mayFill: (slot) => this.#mayFill(slot),
      spawn: (_slot, ordinal) => this.#spawn(ordinal),
    });
    this.#replacement = new Replacement(this.#slots, this.#throttle, listener);
    this.recovery = new Recovery(poolState, this.#slots, this.#breaker, this.#throttle, this.#replacement, listener);
    this.#healthChecks = new HealthChecks(clock, rules, () => this.#workers.values());
  }

  start(): void {
    for (let count = 0; count < this.#min; count += 1) this.#slots.addRegular();
    for (let count = 0; count < this.rules.spares; count += 1) this.#slots.addSpare();
    this.#throttle.refill();
  }

  get story(): Story {
    return this.#poolState.story;
  }
  get min(): number {
    return this.#min;
  }
  get max(): number {
    return this.#max;
  }
  get spawnedCount(): number {
    return this.#spawnedCount;
  }
  get deathCount(): number {
    return this.#deathCount;
  }
  get size(): number {
    return this.#slots.size;
  }
  get spareCount(): number {
    return this.#slots.spares.filter(isReady).length;
  }
  get readyCount(): number {
    return this.#slots.regular.filter(isReady).length;
  }

  /**
   * Workers whose process is not known to have ended, with their slot index (-1: no regular slot).
   */
  *living(): Iterable<{ worker: Worker; slot: number }> {
    for (const worker of this.#workers.values()) {
      if (worker.isAlive) yield { worker, slot: this.#slots.of(worker)?.index ?? -1 };
    }
  }
  find(workerId: number): Worker | undefined {
    return this.#workers.get(workerId);
  }

  // ---- size

  /** Tasks wait and every worker is full: an elastic pool adds one worker for each waiting task. */
  grow(waiting: number): void {
    const { regular, coming } = this.#slots;
    const added = Math.min(this.#max - regular.length, waiting - coming);
    for (let count = 0; count < added; count += 1) this.#slots.addRegular();
    if (added > 0) this.#throttle.refill();
  }

  /** An elastic pool ends an idle worker, unless the minimum needs it. */
  shrink(worker: Worker): void {
    const slot = this.#slots.of(worker);
    if (slot?.role === 'regular' && this.#slots.regular.length > this.#min) this.#retire(slot, 'idle');
  }

  resize(min: number, max: number): void {
    this.#min = min;
    this.#max = max;
    while (this.#slots.regular.length < min) this.#slots.addRegular();
    for (const slot of this.#slots.beyond(max)) this.#retire(slot, 'resize');
    this.#throttle.refill();
  }

  #retire(slot: Slot, why: RecycleCause): void {
    if (slot.replacement !== undefined) this.#replacement.drop(slot.replacement);
    const worker = this.#slots.retire(slot);
    if (worker !== undefined) this.#replacement.retire(worker, why);
  }

  // ---- replacing living workers

  /** Boots a replacement. Once ready, it takes the slot; then the old worker drains and leaves. */
  replace(worker: Worker, why: RecycleCause): Promise<void> {
    return this.#replacement.replace(worker, why);
  }
  /** Replaces every worker, slot by slot or all at once. Spares come last. */
  restart(isRolling: boolean): Promise<void> {
    return this.#replacement.restart(isRolling);
  }
  /** The client of a worker has no attempts left: a draining worker may leave. */
  drained(worker: Worker): void {
    if (worker.state === 'draining') worker.leave();
  }

  // ---- ending

  /**
   * Tasks wait for a worker. A closing pool fills slots only for those, such as a requeued task.
   */
  onBacklog(): void {
    if (this.#poolState.shown === 'closing') this.#throttle.refill();
  }

  /** Ends the idle workers. `end` ends the others. */
  endIdle(graceMs?: number): void {
    for (const worker of this.#workers.values()) if ((worker.client?.load ?? 0) === 0) worker.leave(graceMs);
  }

  /**
   * Ends every worker and starts no more. Resolves when all are confirmed dead; rejects if one
   * outlived the kill ladder.
   */
  async end(how: 'leave' | 'kill', graceMs?: number): Promise<void> {
    this.#throttle.stop();
    this.#breaker.disarmProbe();
    for (const slot of this.#slots.all()) {
      this.#slots.retire(slot);
      slot.settle();
    }
    const ends: Promise<void>[] = [];
    for (const worker of [...this.#workers.values()]) {
      ends.push(worker.whenReaped());
      if (how === 'leave') worker.leave(graceMs);
      else worker.kill('SIGKILL');
    }
    for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason;
  }

  /** The last call: stops all timers and closes the spawner. */
  stop(): void {
    this.#breaker.stop();
    this.#healthChecks.stop();
    this.spawner.close();
  }

  // ---- what workers report (WorkerOwner)

  onReady(worker: Worker, message: Message): void {
    this.#wasEverReady = true;
    this.#throttle.booted(worker);
    this.#breaker.onReady(worker);
    this.listener.onReady(worker, message);
    const slot = this.#slots.of(worker);
    if (slot?.role === 'replacement') this.#replacement.promote(slot, worker);
    else if (slot?.role === 'regular') this.listener.onUsable(worker);
    this.#throttle.refill();
  }

  /** The worker has finished its first task. */
  onUseful(worker: Worker): void {
    worker.isUseful = true;
    const slot = this.#slots.of(worker);
    if (slot !== undefined) slot.failures = 0;
    this.#breaker.onUseful(worker);
  }

  /** The process has ended, or outlived every signal, and everything it sent has been read. */
  onDied(worker: Worker, death: Death): void {
    this.story.say(() => `worker ${worker.id} ${describeDeath(death)}`);
    // 1. The worker no longer counts as booting and can no longer be a proof (G10).
    if (!death.requested) this.#deathCount += 1;
    this.#throttle.booted(worker);
    this.#breaker.forget(worker);
    // 2. Each of its tasks settles or returns to the queue, depending on whether the control file
    //    says that it had started (G1, G2, G3).
    worker.client?.onDied(death);
    // 3. The pool forgets the worker and emits `workerDied` with the tasks that had started (G4).
    this.listener.onDied(worker, death);
    // 4. The worker stays listed until its process group is confirmed dead: killWorker and close
    //    wait for that (G7).
    worker
      .whenReaped()
      .catch(ignore)
      .then(() => this.#workers.delete(worker.id), ignore);
    // 5. Its slot gets a replacement, a spare, or a new worker now or later (G9).
    const charged = isCharged(death);
    if (charged) this.#breaker.charge();
    const slot = this.#slots.of(worker);
    if (slot !== undefined) this.#refillAfter(slot, worker, death, charged);
    // 6. Too many charged deaths, or a single hopeless one, break the pool: queued tasks reject and
    //    only probes are spawned (G10).
    if (charged && (this.#breaker.isExceeded || this.#delegate.isHopeless(worker, death, this.#wasEverReady)))
      this.recovery.break(worker, death);
    if (slot?.worker === undefined) this.#throttle.refill();
    else this.#throttle.refillSoon(); // a replacement or a spare has taken the slot
    // 7. Promises that wait for a state of the pool resolve, and queued tasks are dispatched.
    this.listener.onWorkersChanged();
  }

  #refillAfter(slot: Slot, worker: Worker, death: Death, charged: boolean): void {
    this.#slots.empty(slot);
    if (charged) slot.failures += 1;
    const standIn = slot.role === 'regular' ? (this.#replacement.takeOver(slot) ?? this.#slots.takeSpare()) : undefined;
    const decision = afterDeath({
      role: slot.role,
      isCharged: charged,
      isForRestart: slot.cause === 'restart',
      hasStandIn: standIn !== undefined,
      isBeyondMinimum: this.#slots.regular.length > this.#min,
    });
    switch (decision) {
      case 'fail-restart':
        this.#replacement.drop(slot, failedRestart(worker, death));
        return;
      case 'stand-in':
        this.#slots.occupy(slot, standIn as Worker);
        if (standIn?.state === 'ready') this.listener.onUsable(standIn);
        return;
      case 'retire':
        this.#slots.retire(slot);
        return;
      case 'back-off': {
        const delayMs = backoffMs(this.rules.restart.backoff, slot.failures, this.#random);
        this.#slots.backOff(slot, delayMs, () => this.#throttle.refill());
        return;
      }
      case 'refill':
        return;
    }
  }

  #mayFill(slot: Slot): boolean {
    return this.#poolState.shown === 'open' || (this.#poolState.shown === 'closing' && slot.role !== 'spare' && this.#delegate.hasWork());
  }

  #spawn(ordinal: number): Worker {
    const worker = new Worker(this, ++this.#spawnedCount, ordinal);
    worker.client = this.#delegate.createClient(worker);
    this.#workers.set(worker.id, worker);
    this.#healthChecks.start();
    return worker;
  }
}
