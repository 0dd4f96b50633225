/**
 * Keeps the wanted number of workers alive.
 *
 * It owns the berths and every decision on spawning: when, in which berth, and when to give up. It
 * knows nothing of tasks; what a death means for them the tenants decide, before it decides what
 * the death means for the berth (contract.md, "Order on a death").
 */
import PQueue from 'p-queue';
import type { FrameHeader, Message } from '../ipc/frame.js';
import { type Deferred, deferred } from '../shared/deferred.js';
import type { Clock, Spawner, Timer } from '../shared/doors.js';
import { EverpoolError } from '../shared/errors.js';
import type { Death } from '../shared/types.js';
import { type BackoffRule, backoffMs } from './backoff.js';
import { Berth, type RecycleCause } from './berth.js';
import { describeDeath } from './death.js';
import { calm, charge, isExceeded, isProof, nextProbeAt, nextSpawnAt, prove, type RestartState, spawned } from './restart-window.js';
import type { Tenant } from './tenant.js';
import { Worker } from './worker.js';
import type { WorkerHost, WorkerRules } from './worker-host.js';

/** A worker that was ready for so long is proven (contract.md, "Restart intensity"). */
const PROOF_MS = 1000;

export type SupervisorState = 'open' | 'broken' | 'closing' | 'closed';

export interface SupervisorRules extends WorkerRules {
  readonly min: number;
  readonly max: number;
  readonly spares: number;
  readonly restart: {
    readonly intensity: number;
    readonly periodMs: number;
    readonly backoff: BackoffRule;
    readonly probeMs: number | false;
  };
  /** How many workers may boot at once. A boot takes at least 45 ms of a core, so this bounds the spawn rate too. */
  readonly spawnConcurrency: number;
}

/** The pool, as the supervisor sees it. */
export interface SupervisorUser {
  createTenant(worker: Worker): Tenant;
  boot(worker: Worker): { header: FrameHeader; body: string | Buffer | undefined; attachments: readonly Buffer[] };
  onSpawned(worker: Worker): void;
  /** It has booted. */
  onReady(worker: Worker, message: Message): void;
  onBootFailed(worker: Worker, message: Message): void;
  /** It holds a slot: it may be given tasks. */
  onUsable(worker: Worker): void;
  /** Its leases are closed; the berth is not filled yet. */
  onDied(worker: Worker, death: Death): void;
  /** Everything that follows from a death is done. */
  onSettled(): void;
  onRecycled(worker: Worker, why: RecycleCause): void;
  onOutput(worker: Worker, stream: 'stdout' | 'stderr', chunk: Buffer): void;
  onPong(worker: Worker): void;
  onBroken(death: Death, bootError: unknown): void;
  onRecovered(): void;
  /** While closing: is a replacement still needed? */
  hasWork(): boolean;
}

export class Supervisor implements WorkerHost {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly rules: SupervisorRules;
  readonly #user: SupervisorUser;
  readonly #random: () => number;
  readonly #pacer: PQueue;
  #state: SupervisorState = 'open';
  #min: number;
  #max: number;
  #slots: Berth[] = [];
  #spares: Berth[] = [];
  #successors: Berth[] = [];
  readonly #workers = new Map<number, Worker>(); // until the process and its group are confirmed gone
  readonly #berths = new Map<Worker, Berth>();
  readonly #booting = new Map<Worker, Deferred<void>>();
  readonly #proofs = new Map<Worker, Timer>();
  #restart: RestartState = calm;
  #ordinal = 0;
  #lastId = 0;
  #spawnTimer: Timer | undefined;
  #probeTimer: Timer | undefined;
  #spawnedCount = 0;
  #deathCount = 0;

  constructor(clock: Clock, spawner: Spawner, rules: SupervisorRules, user: SupervisorUser, random: () => number) {
    this.clock = clock;
    this.spawner = spawner;
    this.rules = rules;
    this.#user = user;
    this.#random = random;
    this.#min = rules.min;
    this.#max = rules.max;
    this.#pacer = new PQueue({ concurrency: rules.spawnConcurrency });
  }

  /** Starts the minimum number of workers, and the spares. */
  start(): void {
    for (let index = 0; index < this.#min; index += 1) this.#slots.push(new Berth('slot', index));
    for (let count = 0; count < this.rules.spares; count += 1) this.#spares.push(new Berth('spare', -1));
    this.#refill();
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
  /** Unrequested ones. */
  get deathCount(): number {
    return this.#deathCount;
  }
  /** Workers ready or starting in slots. */
  get size(): number {
    return this.#slots.filter((slot) => slot.state === 'occupied' || slot.state === 'pacing').length;
  }
  get spareCount(): number {
    return this.#spares.filter((spare) => spare.worker?.state === 'ready').length;
  }
  get readyCount(): number {
    return this.#slots.filter((slot) => slot.worker?.state === 'ready').length;
  }

  /** Every worker whose process is not known to have ended, with its place. */
  *living(): Iterable<{ worker: Worker; slot: number }> {
    for (const worker of this.#workers.values()) {
      if (worker.isAlive) yield { worker, slot: this.#slotOf(worker) };
    }
  }
  find(workerId: number): Worker | undefined {
    return this.#workers.get(workerId);
  }
  get lastId(): number {
    return this.#lastId;
  }

  // ---- size

  /** Tasks wait and no worker has room: an elastic pool starts more workers, one for each that waits. */
  grow(waiting: number): void {
    if (this.#slots.length >= this.#max || (this.#state !== 'open' && this.#state !== 'closing')) return;
    let coming = this.#slots.filter((slot) => slot.worker === undefined || slot.worker.state === 'starting').length;
    let hasGrown = false;
    while (this.#slots.length < this.#max && coming < waiting) {
      this.#addSlot();
      coming += 1;
      hasGrown = true;
    }
    if (hasGrown) this.#refill();
  }

  /** An elastic pool lets an idle worker go; false if it is needed for the minimum. */
  shrink(worker: Worker): boolean {
    const slot = this.#berths.get(worker);
    if (slot === undefined || slot.role !== 'slot' || this.#slots.length <= this.#min) return false;
    this.#retireSlot(slot, 'idle');
    return true;
  }

  resize(min: number, max: number): void {
    this.#min = min;
    this.#max = max;
    while (this.#slots.length < min) this.#addSlot();
    if (this.#slots.length > max) {
      const byWorth = [...this.#slots].sort((a, b) => worth(a) - worth(b) || b.index - a.index);
      for (const slot of byWorth.slice(0, this.#slots.length - max)) this.#retireSlot(slot, 'resize');
    }
    this.#refill();
  }

  #addSlot(): void {
    const used = new Set(this.#slots.map((slot) => slot.index));
    let index = 0;
    while (used.has(index)) index += 1;
    this.#slots.push(new Berth('slot', index));
  }

  #retireSlot(slot: Berth, why: RecycleCause): void {
    this.#slots.splice(this.#slots.indexOf(slot), 1);
    if (slot.successor !== undefined) this.#dropSuccessor(slot.successor);
    const worker = slot.worker;
    this.#vacate(slot, 'retired');
    if (worker !== undefined) this.#retire(worker, why);
  }

  // ---- replacing living workers

  /** Boots a replacement, which takes the worker's slot when it is ready; then the old one drains and leaves. */
  replace(worker: Worker, why: RecycleCause): Promise<void> {
    const slot = this.#berths.get(worker);
    if (slot === undefined || slot.role !== 'slot') {
      if (slot?.role === 'spare') this.#retire(this.#empty(slot) as Worker, why);
      this.#refill();
      return Promise.resolve();
    }
    const outcome = deferred<void>();
    const settle = (error?: unknown): void => (error === undefined ? outcome.resolve() : outcome.reject(error));
    const present = slot.successor;
    if (present !== undefined) {
      const inner = present.onOutcome;
      present.onOutcome = (error) => {
        inner?.(error);
        settle(error);
      };
    } else {
      const successor = new Berth('successor', slot.index, slot, why);
      successor.onOutcome = settle;
      slot.successor = successor;
      this.#successors.push(successor);
      const spare = this.#takeSpare();
      if (spare !== undefined && why !== 'restart') this.#succeed(successor, spare);
      else this.#refill();
    }
    return outcome.promise;
  }

  /** Replaces every worker, slot by slot or all at once; the spares follow. */
  async restart(isRolling: boolean): Promise<void> {
    const present = this.#slots.flatMap((slot) => (slot.worker === undefined ? [] : [slot.worker]));
    const spares = this.#spares.flatMap((spare) => (spare.worker === undefined ? [] : [spare.worker]));
    if (isRolling) for (const worker of present) await this.replace(worker, 'restart');
    else await Promise.all(present.map((worker) => this.replace(worker, 'restart')));
    for (const worker of spares) await this.replace(worker, 'restart');
  }

  /** The tenant of a draining worker is done. */
  drained(worker: Worker): void {
    if (worker.state === 'draining') worker.leave();
  }

  #retire(worker: Worker, why: RecycleCause): void {
    if (!worker.isAlive || worker.state === 'stopping') return;
    this.#user.onRecycled(worker, why);
    if (worker.state === 'starting') worker.leave();
    else {
      worker.drain();
      if ((worker.tenant?.load ?? 0) === 0) worker.leave();
    }
  }

  #succeed(successor: Berth, worker: Worker): void {
    const slot = successor.heirOf as Berth;
    this.#successors.splice(this.#successors.indexOf(successor), 1);
    slot.successor = undefined;
    this.#empty(successor);
    successor.state = 'retired';
    const old = this.#empty(slot);
    this.#occupy(slot, worker);
    this.#user.onUsable(worker);
    if (old !== undefined) this.#retire(old, successor.cause ?? 'restart');
    successor.onOutcome?.();
  }

  #dropSuccessor(successor: Berth): void {
    this.#successors.splice(this.#successors.indexOf(successor), 1);
    if (successor.heirOf !== undefined) successor.heirOf.successor = undefined;
    const worker = successor.worker;
    this.#vacate(successor, 'retired');
    worker?.kill();
    successor.onOutcome?.(); // its slot is no more: nothing is left to replace
  }

  // ---- ending

  /** No more workers than the work that is left needs. */
  beginClosing(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closing';
    this.#clear('probe');
  }

  /** Lets those workers go that have nothing to do; the others follow with `end`. */
  endIdle(graceMs?: number): void {
    for (const worker of this.#workers.values()) if ((worker.tenant?.load ?? 0) === 0) worker.leave(graceMs);
  }

  /** Ends every worker and starts none; resolves when all are confirmed gone. */
  async end(how: 'leave' | 'kill', graceMs?: number): Promise<void> {
    this.#state = 'closing';
    this.#pacer.clear();
    this.#clear('probe');
    this.#clear('spawn');
    for (const berth of this.#all()) {
      const worker = berth.worker;
      this.#vacate(berth, 'retired');
      if (worker !== undefined) this.#workers.set(worker.id, worker);
    }
    this.#slots = [];
    this.#spares = [];
    for (const successor of this.#successors.splice(0)) successor.onOutcome?.();
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
    for (const timer of this.#proofs.values()) this.clock.clearTimer(timer);
    this.#proofs.clear();
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
  onPong(worker: Worker): void {
    this.#user.onPong(worker);
  }
  onBootFailed(worker: Worker, message: Message): void {
    this.#user.onBootFailed(worker, message);
  }

  onReady(worker: Worker, message: Message): void {
    this.#booted(worker);
    this.#proofs.set(
      worker,
      this.clock.setTimer(() => this.proven(worker), PROOF_MS),
    );
    this.#user.onReady(worker, message);
    const berth = this.#berths.get(worker);
    if (berth?.role === 'successor') this.#succeed(berth, worker);
    else if (berth?.role === 'slot') this.#user.onUsable(worker);
    this.#refill();
  }

  /** It finished a task, or was ready for a second. */
  proven(worker: Worker): void {
    if (worker.isProven) return;
    worker.isProven = true;
    this.#forgetProof(worker);
    const berth = this.#berths.get(worker);
    if (berth !== undefined) berth.failures = 0;
    if (!isProof(this.#restart, worker.ordinal)) return;
    this.#restart = prove(this.#restart);
    if (this.#state === 'broken') this.#recover();
    else this.#refill();
  }

  onGone(worker: Worker, death: Death): void {
    if (!death.requested) this.#deathCount += 1;
    this.#booted(worker);
    this.#forgetProof(worker);
    worker.tenant?.onGone(death);
    this.#user.onDied(worker, death);
    worker.whenGone().then(
      () => this.#workers.delete(worker.id),
      () => this.#workers.delete(worker.id),
    );
    const isCharged = !death.requested && death.phase !== 'task';
    if (isCharged) {
      this.#ordinal += 1;
      this.#restart = charge(this.#restart, this.rules.restart, this.clock.now(), this.#ordinal);
    }
    const berth = this.#berths.get(worker);
    if (berth !== undefined) this.#afterDeath(berth, worker, death, isCharged);
    if (isCharged && (this.#state === 'open' || this.#state === 'closing') && isExceeded(this.#restart, this.rules.restart)) {
      this.#break(worker, death);
    }
    this.#refill();
    this.#user.onSettled();
  }

  #afterDeath(berth: Berth, worker: Worker, death: Death, isCharged: boolean): void {
    this.#empty(berth);
    if (isCharged) berth.failures += 1;
    if (berth.role === 'successor') {
      const report = berth.onOutcome;
      if (berth.cause === 'restart') {
        berth.onOutcome = undefined;
        this.#dropSuccessor(berth);
        report?.(failedRestart(worker, death));
        return;
      }
    }
    const heir = berth.successor;
    if (heir !== undefined) {
      // Its replacement is already booting, or about to: it takes the place now.
      const booting = this.#empty(heir);
      this.#dropSuccessor(heir);
      if (booting !== undefined) {
        this.#occupy(berth, booting);
        return;
      }
    }
    if (berth.role === 'slot') {
      const spare = this.#takeSpare();
      if (spare !== undefined) {
        this.#occupy(berth, spare);
        this.#user.onUsable(spare);
        return;
      }
      if (!isCharged && this.#slots.length > this.#min) {
        this.#retireSlot(berth, 'idle'); // it comes back if the tasks that wait need it
        return;
      }
    }
    if (isCharged) this.#backOff(berth);
  }

  #backOff(berth: Berth): void {
    berth.state = 'backing-off';
    const delayMs = backoffMs(this.rules.restart.backoff, berth.failures, this.#random);
    berth.timer = this.clock.setTimer(() => {
      berth.timer = undefined;
      berth.state = 'vacant';
      this.#refill();
    }, delayMs);
  }

  // ---- broken and back

  #break(worker: Worker, death: Death): void {
    if (this.#state === 'open') this.#state = 'broken';
    this.#user.onBroken(death, worker.bootError);
    this.#armProbe();
  }

  #armProbe(): void {
    const { probeMs } = this.rules.restart;
    if (this.#state !== 'broken' || probeMs === false || this.#probeTimer !== undefined) return;
    const at = Math.max(this.clock.now() + probeMs, nextProbeAt(this.#restart, this.rules.restart, this.clock.now()));
    this.#probeTimer = this.clock.setTimer(() => {
      this.#probeTimer = undefined;
      this.#probe();
    }, at - this.clock.now());
  }

  /** Half-open: one worker is tried. It recovers the pool by being proven. */
  #probe(): void {
    if (this.#state !== 'broken') return;
    if (this.#starting() > 0) {
      this.#armProbe(); // one is being tried already
      return;
    }
    const berth = [...this.#slots, ...this.#spares].find((candidate) => candidate.worker === undefined && candidate.state !== 'pacing');
    if (berth === undefined) this.#recover();
    else {
      this.#vacate(berth, 'vacant');
      berth.state = 'pacing';
      this.#pace(berth);
      this.#armProbe();
    }
  }

  /** Forgets the crash history and starts workers again. */
  revive(): void {
    if (this.#state !== 'broken') return;
    this.#recover();
  }

  #recover(): void {
    this.#state = 'open';
    this.#restart = calm;
    this.#clear('probe');
    for (const berth of this.#all()) {
      berth.failures = 0;
      if (berth.state === 'backing-off') this.#vacate(berth, 'vacant');
    }
    this.#user.onRecovered();
    this.#refill();
    this.#user.onSettled();
  }

  // ---- filling berths

  #maySpawn(): boolean {
    return this.#state === 'open' || (this.#state === 'closing' && this.#user.hasWork());
  }

  /** Starts a worker in every vacant berth, as far as the restart intensity allows now. */
  #refill(): void {
    if (!this.#maySpawn()) return;
    for (const berth of this.#all()) {
      if (berth.state !== 'vacant' || (this.#state === 'closing' && berth.role !== 'slot')) continue;
      const now = this.clock.now();
      const at = nextSpawnAt(this.#restart, this.rules.restart, now, this.#starting());
      if (at > now) {
        if (at !== Infinity && this.#spawnTimer === undefined) {
          this.#spawnTimer = this.clock.setTimer(() => {
            this.#spawnTimer = undefined;
            this.#refill();
          }, at - now);
        }
        return;
      }
      berth.state = 'pacing';
      this.#pace(berth);
    }
  }

  #starting(): number {
    let count = 0;
    for (const berth of this.#all()) if (berth.state === 'pacing' || berth.worker?.state === 'starting') count += 1;
    return count;
  }

  #pace(berth: Berth): void {
    void this.#pacer.add(async () => this.#begin(berth));
  }

  /** Resolves when the worker has booted or died: then the pacer starts the next. */
  #begin(berth: Berth): Promise<void> | undefined {
    if (berth.state !== 'pacing') return undefined; // retired meanwhile
    this.#ordinal += 1;
    this.#lastId += 1;
    this.#spawnedCount += 1;
    this.#restart = spawned(this.#restart, this.rules.restart, this.clock.now());
    const worker = new Worker(this, this.#lastId, this.#ordinal);
    worker.tenant = this.#user.createTenant(worker);
    this.#workers.set(worker.id, worker);
    this.#occupy(berth, worker);
    const booted = deferred<void>();
    this.#booting.set(worker, booted);
    return booted.promise;
  }

  #booted(worker: Worker): void {
    this.#booting.get(worker)?.resolve();
    this.#booting.delete(worker);
  }

  #takeSpare(): Worker | undefined {
    const spare = this.#spares.find((candidate) => candidate.worker?.state === 'ready');
    return spare === undefined ? undefined : this.#empty(spare);
  }

  // ---- berths

  #all(): Berth[] {
    return [...this.#slots, ...this.#spares, ...this.#successors];
  }
  #occupy(berth: Berth, worker: Worker): void {
    berth.worker = worker;
    berth.state = 'occupied';
    this.#berths.set(worker, berth);
  }
  #empty(berth: Berth): Worker | undefined {
    const worker = berth.worker;
    this.#vacate(berth, 'vacant');
    return worker;
  }
  #vacate(berth: Berth, state: 'vacant' | 'retired'): void {
    if (berth.worker !== undefined) this.#berths.delete(berth.worker);
    berth.worker = undefined;
    berth.state = state;
    if (berth.timer !== undefined) this.clock.clearTimer(berth.timer);
    berth.timer = undefined;
  }
  #slotOf(worker: Worker): number {
    return this.#berths.get(worker)?.index ?? -1;
  }

  #forgetProof(worker: Worker): void {
    const timer = this.#proofs.get(worker);
    if (timer !== undefined) this.clock.clearTimer(timer);
    this.#proofs.delete(worker);
  }
  #clear(which: 'probe' | 'spawn'): void {
    const timer = which === 'probe' ? this.#probeTimer : this.#spawnTimer;
    if (timer !== undefined) this.clock.clearTimer(timer);
    if (which === 'probe') this.#probeTimer = undefined;
    else this.#spawnTimer = undefined;
  }
}

function failedRestart(worker: Worker, death: Death): EverpoolError {
  const text = `restart: the replacement, worker ${worker.id}, ${describeDeath(death)} before it was ready; the workers not yet replaced stay`;
  return new EverpoolError(`${text}${death.stderrTail === '' ? '' : `\n${death.stderrTail}`}`, 'ERR_EVERPOOL_RESTART', { cause: worker.bootError });
}

/** What is given up first when the pool shrinks: empty places, then booting, idle and busy workers. */
function worth(slot: Berth): number {
  if (slot.worker === undefined) return 0;
  if (slot.worker.state === 'starting') return 1;
  return (slot.worker.tenant?.load ?? 0) === 0 ? 2 : 3;
}
