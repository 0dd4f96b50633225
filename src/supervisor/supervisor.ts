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
import { Watches } from './health/health-checks.js';
import { Worker } from './lifecycle/worker.js';
import type { WorkerHost } from './lifecycle/worker-state.js';
import { failedRestart, Succession } from './replacement.js';
import { backoffMs } from './restart/backoff.js';
import { Breaker } from './restart/circuit-breaker.js';
import { SpawnLine } from './restart/spawn-throttle.js';
import { type Berth, isReady, type RecycleCause } from './slot.js';
import { Berths } from './slots.js';
import type { SupervisorRules, SupervisorUser } from './supervisor-listener.js';

export type SupervisorState = 'open' | 'broken' | 'closing' | 'closed';

export class Supervisor implements WorkerHost<Worker> {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: SupervisorRules;
  readonly #user: SupervisorUser;
  readonly #random: () => number;
  readonly #berths: Berths;
  readonly #breaker: Breaker;
  readonly #line: SpawnLine;
  readonly #succession: Succession;
  readonly #watches: Watches;
  readonly #workers = new Map<number, Worker>(); // until the process and its group are confirmed gone
  #state: SupervisorState = 'open';
  #min: number;
  #max: number;
  #spawnedCount = 0; // ids are never reused, so this is also the last one
  #deathCount = 0;
  #wasEverReady = false; // any worker

  constructor(clock: Clock, spawner: Spawner, rules: SupervisorRules, user: SupervisorUser, random: () => number) {
    this.clock = clock;
    this.spawner = spawner;
    this.rules = rules;
    this.#user = user;
    this.#random = random;
    this.#min = rules.min;
    this.#max = rules.max;
    this.#berths = new Berths(clock);
    this.#breaker = new Breaker(clock, rules.restart, rules.restart.probeMs, (worker) => this.#onProven(worker));
    this.#line = new SpawnLine(clock, this.#berths, this.#breaker, rules.spawnConcurrency, {
      mayFill: (berth) => this.#mayFill(berth),
      spawn: (_berth, ordinal) => this.#spawn(ordinal),
    });
    this.#succession = new Succession(this.#berths, this.#line, user);
    this.#watches = new Watches(clock, rules, () => this.#workers.values());
  }

  start(): void {
    for (let count = 0; count < this.#min; count += 1) this.#berths.addSlot();
    for (let count = 0; count < this.rules.spares; count += 1) this.#berths.addSpare();
    this.#line.refill();
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
    return this.#berths.size;
  }
  get spareCount(): number {
    return this.#berths.spares.filter(isReady).length;
  }
  get readyCount(): number {
    return this.#berths.slots.filter(isReady).length;
  }

  /** Workers whose process is not known to have ended, and their places (-1: none of the slots). */
  *living(): Iterable<{ worker: Worker; slot: number }> {
    for (const worker of this.#workers.values()) {
      if (worker.isAlive) yield { worker, slot: this.#berths.of(worker)?.index ?? -1 };
    }
  }
  find(workerId: number): Worker | undefined {
    return this.#workers.get(workerId);
  }

  // ---- size

  /** Tasks wait and no worker has room: an elastic pool starts more workers, one for each that waits. */
  grow(waiting: number): void {
    const { slots, coming } = this.#berths;
    const added = Math.min(this.#max - slots.length, waiting - coming);
    for (let count = 0; count < added; count += 1) this.#berths.addSlot();
    if (added > 0) this.#line.refill();
  }

  /** An elastic pool lets an idle worker go, unless it is needed for the minimum. */
  shrink(worker: Worker): void {
    const slot = this.#berths.of(worker);
    if (slot?.role === 'slot' && this.#berths.slots.length > this.#min) this.#retireSlot(slot, 'idle');
  }

  resize(min: number, max: number): void {
    this.#min = min;
    this.#max = max;
    while (this.#berths.slots.length < min) this.#berths.addSlot();
    for (const slot of this.#berths.beyond(max)) this.#retireSlot(slot, 'resize');
    this.#line.refill();
  }

  #retireSlot(slot: Berth, why: RecycleCause): void {
    if (slot.successor !== undefined) this.#succession.drop(slot.successor);
    const worker = this.#berths.retire(slot);
    if (worker !== undefined) this.#succession.retire(worker, why);
  }

  // ---- replacing living workers

  /** Boots a replacement, which takes the worker's slot when it is ready; then the old one drains and leaves. */
  replace(worker: Worker, why: RecycleCause): Promise<void> {
    return this.#succession.replace(worker, why);
  }
  /** Replaces every worker, slot by slot or all at once; the spares follow. */
  restart(isRolling: boolean): Promise<void> {
    return this.#succession.restart(isRolling);
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
  onShort(): void {
    if (this.#state === 'closing') this.#line.refill();
  }

  /** Lets those workers go that have nothing to do; the others follow with `end`. */
  endIdle(graceMs?: number): void {
    for (const worker of this.#workers.values()) if ((worker.tenant?.load ?? 0) === 0) worker.leave(graceMs);
  }

  /** Ends every worker and starts none; resolves when all are confirmed gone, rejects if one outlived the ladder. */
  async end(how: 'leave' | 'kill', graceMs?: number): Promise<void> {
    this.#state = 'closing';
    this.#line.stop();
    this.#breaker.disarmProbe();
    for (const berth of this.#berths.all()) {
      this.#berths.retire(berth);
      berth.settle();
    }
    const ends: Promise<void>[] = [];
    for (const worker of [...this.#workers.values()]) {
      ends.push(worker.whenGone());
      if (how === 'leave') worker.leave(graceMs);
      else worker.kill('SIGKILL');
    }
    for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason;
  }

  closed(): void {
    this.#state = 'closed';
    this.#breaker.stop();
    this.#watches.stop();
    this.spawner.close();
  }

  // ---- what workers tell (WorkerHost)

  boot(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] } {
    return this.#user.boot(worker);
  }
  onSpawned(worker: Worker): void {
    this.#user.onSpawned(worker);
  }
  onOutput(worker: Worker, stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#user.onOutput(worker, stream, chunk);
  }
  onBootFailed(worker: Worker, message: Message): void {
    this.#user.onBootFailed(worker, message);
  }

  onReady(worker: Worker, message: Message): void {
    this.#wasEverReady = true;
    this.#line.booted(worker);
    this.#breaker.onReady(worker);
    this.#user.onReady(worker, message);
    const berth = this.#berths.of(worker);
    if (berth?.role === 'successor') this.#succession.succeed(berth, worker);
    else if (berth?.role === 'slot') this.#user.onUsable(worker);
    this.#line.refill();
  }

  onUseful(worker: Worker): void {
    if (worker.isUseful) return;
    worker.isUseful = true;
    const berth = this.#berths.of(worker);
    if (berth !== undefined) berth.failures = 0;
    this.#breaker.onUseful(worker);
  }

  onGone(worker: Worker, death: Death): void {
    if (!death.requested) this.#deathCount += 1;
    this.#line.booted(worker);
    this.#breaker.forget(worker);
    worker.tenant?.onGone(death);
    this.#user.onDied(worker, death);
    worker
      .whenGone()
      .catch(ignore)
      .then(() => this.#workers.delete(worker.id), ignore);
    const isCharged = !death.requested && death.phase !== 'task';
    if (isCharged) this.#breaker.charge();
    const berth = this.#berths.of(worker);
    if (berth !== undefined) this.#afterDeath(berth, worker, death, isCharged);
    if (isCharged && (this.#breaker.isExceeded || this.#user.isHopeless(worker, death, this.#wasEverReady))) this.#break(worker, death);
    if (berth?.worker === undefined) this.#line.refill();
    else this.#line.refillSoon(); // a spare has its place
    this.#user.onSettled();
  }

  /** What follows for the place that the dead worker had: a successor, a spare, a new worker now, or one after a back-off. */
  #afterDeath(berth: Berth, worker: Worker, death: Death, isCharged: boolean): void {
    this.#berths.empty(berth);
    if (isCharged) berth.failures += 1;
    if (berth.role === 'successor' && berth.cause === 'restart') {
      this.#succession.drop(berth, failedRestart(worker, death));
      return;
    }
    if (berth.role === 'slot') {
      const replacement = this.#succession.takeOver(berth) ?? this.#berths.takeSpare();
      if (replacement !== undefined) {
        this.#berths.occupy(berth, replacement);
        if (replacement.state === 'ready') this.#user.onUsable(replacement);
        return;
      }
      if (!isCharged && this.#berths.slots.length > this.#min) {
        this.#berths.retire(berth); // it comes back if the tasks that wait need it
        return;
      }
    }
    if (!isCharged) return;
    const delayMs = backoffMs(this.rules.restart.backoff, berth.failures, this.#random);
    this.#berths.backOff(berth, delayMs, () => this.#line.refill());
  }

  #break(worker: Worker, death: Death): void {
    if (this.#state === 'closed') return;
    const isNews = this.#state !== 'broken';
    if (this.#state === 'open') this.#state = 'broken';
    if (isNews) this.#succession.onBroken(this.#user.onBroken(death, worker.bootError));
    if (this.#state === 'broken') this.#breaker.armProbe(() => this.#probe());
  }

  /** Half-open: one worker is tried. It recovers the pool by being proven. */
  #probe(): void {
    if (this.#state !== 'broken') return;
    const berth = [...this.#berths.slots, ...this.#berths.spares].find((candidate) => candidate.worker === undefined);
    if (this.#line.starting === 0) {
      if (berth === undefined) this.#recover();
      else this.#line.fill(this.#berths.emptied(berth));
    }
    if (this.#state === 'broken') this.#breaker.armProbe(() => this.#probe());
  }

  /** Forgets the crash history and starts workers again. */
  revive(): void {
    if (this.#state === 'broken') this.#recover();
  }

  #onProven(worker: Worker): void {
    const berth = this.#berths.of(worker);
    if (berth !== undefined) berth.failures = 0;
    if (this.#state === 'broken') this.#recover();
    else this.#line.refillSoon();
  }

  #recover(): void {
    this.#state = 'open';
    this.#breaker.reset();
    this.#breaker.disarmProbe();
    for (const berth of this.#berths.all()) {
      berth.failures = 0;
      if (berth.state === 'backing-off') this.#berths.empty(berth);
    }
    this.#user.onRecovered();
    this.#line.refill();
    this.#user.onSettled();
  }

  #mayFill(berth: Berth): boolean {
    return this.#state === 'open' || (this.#state === 'closing' && berth.role !== 'spare' && this.#user.hasWork());
  }

  #spawn(ordinal: number): Worker {
    const worker = new Worker(this, ++this.#spawnedCount, ordinal);
    worker.tenant = this.#user.createTenant(worker);
    this.#workers.set(worker.id, worker);
    this.#watches.start();
    return worker;
  }
}
