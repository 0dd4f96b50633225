/**
 * Keeps the wanted number of workers alive.
 *
 * It owns the berths, and decides what a death means for them, when to replace a living worker and when
 * to give up. It knows nothing of tasks: what a death means for those, the tenants have decided before.
 */
import type { FrameHeader, Message } from '../ipc/frame.js';
import { ignore } from '../shared/ignore.js';
import type { Clock, Spawner } from '../shared/platform.js';
import type { Death } from '../shared/types.js';
import { HealthChecks } from './health/health-checks.js';
import { Worker } from './lifecycle/worker.js';
import type { WorkerOwner } from './lifecycle/worker-state.js';
import { failedRestart, Replacement } from './replacement.js';
import { backoffMs } from './restart/backoff.js';
import { CircuitBreaker } from './restart/circuit-breaker.js';
import { SpawnThrottle } from './restart/spawn-throttle.js';
import { isReady, type RecycleCause, type Slot } from './slot.js';
import { Slots } from './slots.js';
import type { SupervisorListener, SupervisorRules } from './supervisor-listener.js';

export type SupervisorState = 'open' | 'broken' | 'closing' | 'closed';

export class Supervisor implements WorkerOwner<Worker> {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: SupervisorRules;
  readonly #listener: SupervisorListener;
  readonly #random: () => number;
  readonly #slots: Slots;
  readonly #breaker: CircuitBreaker;
  readonly #throttle: SpawnThrottle;
  readonly #replacement: Replacement;
  readonly #healthChecks: HealthChecks;
  readonly #workers = new Map<number, Worker>(); // until the process and its group are confirmed gone
  #state: SupervisorState = 'open';
  #min: number;
  #max: number;
  #spawnedCount = 0; // ids are never reused, so this is also the last one
  #deathCount = 0;
  #wasEverReady = false; // any worker

  constructor(clock: Clock, spawner: Spawner, rules: SupervisorRules, listener: SupervisorListener, random: () => number) {
    this.clock = clock;
    this.spawner = spawner;
    this.rules = rules;
    this.#listener = listener;
    this.#random = random;
    this.#min = rules.min;
    this.#max = rules.max;
    this.#slots = new Slots(clock);
    this.#breaker = new CircuitBreaker(clock, rules.restart, rules.restart.probeMs, (worker) => this.#onProven(worker));
    this.#throttle = new SpawnThrottle(clock, this.#slots, this.#breaker, rules.spawnConcurrency, {
      mayFill: (slot) => this.#mayFill(slot),
      spawn: (_berth, ordinal) => this.#spawn(ordinal),
    });
    this.#replacement = new Replacement(this.#slots, this.#throttle, listener);
    this.#healthChecks = new HealthChecks(clock, rules, () => this.#workers.values());
  }

  start(): void {
    for (let count = 0; count < this.#min; count += 1) this.#slots.addRegular();
    for (let count = 0; count < this.rules.spares; count += 1) this.#slots.addSpare();
    this.#throttle.refill();
  }

  get state(): SupervisorState {
    return this.#state;
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

  /** Workers whose process is not known to have ended, and their places (-1: none of the slots). */
  *living(): Iterable<{ worker: Worker; slot: number }> {
    for (const worker of this.#workers.values()) {
      if (worker.isAlive) yield { worker, slot: this.#slots.of(worker)?.index ?? -1 };
    }
  }
  find(workerId: number): Worker | undefined {
    return this.#workers.get(workerId);
  }

  // ---- size

  /** Tasks wait and no worker has room: an elastic pool starts more workers, one for each that waits. */
  grow(waiting: number): void {
    const { regular, coming } = this.#slots;
    const added = Math.min(this.#max - regular.length, waiting - coming);
    for (let count = 0; count < added; count += 1) this.#slots.addRegular();
    if (added > 0) this.#throttle.refill();
  }

  /** An elastic pool lets an idle worker go, unless it is needed for the minimum. */
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

  /** Boots a replacement, which takes the worker's slot when it is ready; then the old one drains and leaves. */
  replace(worker: Worker, why: RecycleCause): Promise<void> {
    return this.#replacement.replace(worker, why);
  }
  /** Replaces every worker, slot by slot or all at once; the spares follow. */
  restart(isRolling: boolean): Promise<void> {
    return this.#replacement.restart(isRolling);
  }
  /** The tenant of a draining worker is done. */
  drained(worker: Worker): void {
    if (worker.state === 'draining') worker.leave();
  }

  // ---- ending

  /** No more workers than the work that is left needs. */
  beginClosing(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    this.#breaker.disarmProbe();
  }

  /** Tasks wait for a place. While closing, an attempt may have come back for which none was filled. */
  onBacklog(): void {
    if (this.#state === 'closing') this.#throttle.refill();
  }

  /** Lets those workers go that have nothing to do; the others follow with `end`. */
  endIdle(graceMs?: number): void {
    for (const worker of this.#workers.values()) if ((worker.client?.load ?? 0) === 0) worker.leave(graceMs);
  }

  /** Ends every worker and starts none; resolves when all are confirmed gone, rejects if one outlived the ladder. */
  async end(how: 'leave' | 'kill', graceMs?: number): Promise<void> {
    this.#state = 'closing';
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

  closed(): void {
    this.#state = 'closed';
    this.#breaker.stop();
    this.#healthChecks.stop();
    this.spawner.close();
  }

  // ---- what workers tell (WorkerHost)

  boot(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] } {
    return this.#listener.boot(worker);
  }
  onSpawned(worker: Worker): void {
    this.#listener.onSpawned(worker);
  }
  onOutput(worker: Worker, stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#listener.onOutput(worker, stream, chunk);
  }
  onBootFailed(worker: Worker, message: Message): void {
    this.#listener.onBootFailed(worker, message);
  }

  onReady(worker: Worker, message: Message): void {
    this.#wasEverReady = true;
    this.#throttle.booted(worker);
    this.#breaker.onReady(worker);
    this.#listener.onReady(worker, message);
    const slot = this.#slots.of(worker);
    if (slot?.role === 'replacement') this.#replacement.promote(slot, worker);
    else if (slot?.role === 'regular') this.#listener.onUsable(worker);
    this.#throttle.refill();
  }

  onUseful(worker: Worker): void {
    if (worker.isUseful) return;
    worker.isUseful = true;
    const slot = this.#slots.of(worker);
    if (slot !== undefined) slot.failures = 0;
    this.#breaker.onUseful(worker);
  }

  onDied(worker: Worker, death: Death): void {
    if (!death.requested) this.#deathCount += 1;
    this.#throttle.booted(worker);
    this.#breaker.forget(worker);
    worker.client?.onDied(death);
    this.#listener.onDied(worker, death);
    worker
      .whenReaped()
      .catch(ignore)
      .then(() => this.#workers.delete(worker.id), ignore);
    const isCharged = !death.requested && death.phase !== 'task';
    if (isCharged) this.#breaker.charge();
    const slot = this.#slots.of(worker);
    if (slot !== undefined) this.#afterDeath(slot, worker, death, isCharged);
    if (isCharged && (this.#breaker.isExceeded || this.#listener.isHopeless(worker, death, this.#wasEverReady))) this.#break(worker, death);
    if (slot?.worker === undefined) this.#throttle.refill();
    else this.#throttle.refillSoon(); // a spare has its place
    this.#listener.onSettled();
  }

  /** What follows for the place that the dead worker had: a successor, a spare, a new worker now, or one after a back-off. */
  #afterDeath(slot: Slot, worker: Worker, death: Death, isCharged: boolean): void {
    this.#slots.empty(slot);
    if (isCharged) slot.failures += 1;
    if (slot.role === 'replacement' && slot.cause === 'restart') {
      this.#replacement.drop(slot, failedRestart(worker, death));
      return;
    }
    if (slot.role === 'regular') {
      const replacement = this.#replacement.takeOver(slot) ?? this.#slots.takeSpare();
      if (replacement !== undefined) {
        this.#slots.occupy(slot, replacement);
        if (replacement.state === 'ready') this.#listener.onUsable(replacement);
        return;
      }
      if (!isCharged && this.#slots.regular.length > this.#min) {
        this.#slots.retire(slot); // it comes back if the tasks that wait need it
        return;
      }
    }
    if (!isCharged) return;
    const delayMs = backoffMs(this.rules.restart.backoff, slot.failures, this.#random);
    this.#slots.backOff(slot, delayMs, () => this.#throttle.refill());
  }

  #break(worker: Worker, death: Death): void {
    if (this.#state === 'closed') return;
    const isNews = this.#state !== 'broken';
    if (this.#state === 'open') this.#state = 'broken';
    if (isNews) this.#replacement.onBroken(this.#listener.onBroken(death, worker.bootError));
    if (this.#state === 'broken') this.#breaker.armProbe(() => this.#probe());
  }

  /** Half-open: one worker is tried. It recovers the pool by being proven. */
  #probe(): void {
    if (this.#state !== 'broken') return;
    const slot = [...this.#slots.regular, ...this.#slots.spares].find((candidate) => candidate.worker === undefined);
    if (this.#throttle.starting === 0) {
      if (slot === undefined) this.#recover();
      else this.#throttle.fill(this.#slots.emptied(slot));
    }
    if (this.#state === 'broken') this.#breaker.armProbe(() => this.#probe());
  }

  /** Forgets the crash history and starts workers again. */
  revive(): void {
    if (this.#state === 'broken') this.#recover();
  }

  #onProven(worker: Worker): void {
    const slot = this.#slots.of(worker);
    if (slot !== undefined) slot.failures = 0;
    if (this.#state === 'broken') this.#recover();
    else this.#throttle.refillSoon();
  }

  #recover(): void {
    this.#state = 'open';
    this.#breaker.reset();
    this.#breaker.disarmProbe();
    for (const slot of this.#slots.all()) {
      slot.failures = 0;
      if (slot.state === 'backing-off') this.#slots.empty(slot);
    }
    this.#listener.onRecovered();
    this.#throttle.refill();
    this.#listener.onSettled();
  }

  #mayFill(slot: Slot): boolean {
    return this.#state === 'open' || (this.#state === 'closing' && slot.role !== 'spare' && this.#listener.hasWork());
  }

  #spawn(ordinal: number): Worker {
    const worker = new Worker(this, ++this.#spawnedCount, ordinal);
    worker.client = this.#listener.createClient(worker);
    this.#workers.set(worker.id, worker);
    this.#healthChecks.start();
    return worker;
  }
}
