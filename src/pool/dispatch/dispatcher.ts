/**
 * Assigns queued tasks to workers. It runs once a turn, after one poll phase: a task cancelled in
 * the tick in which it was submitted never reaches a worker (G6), and many tasks leave in one
 * write. The dispatcher chooses the worker; what happens there is up to the worker's leases
 * (worker-leases.ts).
 */
import { Flag } from '../../ipc/frame.js';
import { defineMessage } from '../../ipc/messages.js';
import type { Clock, Timer } from '../../shared/platform.js';
import type { Story } from '../../shared/transitions.js';
import { AHEAD_LIMIT_US, estimateUs, isShort, mayGoAhead } from '../task/task-durations.js';
import { encodedName, type NameTable } from '../task/task-names.js';
import type { TaskQueue } from '../task/task-queue.js';
import type { TaskRecord } from '../task/task-record.js';
import { HOSTAGE_MS, type WorkerLeases } from './worker-leases.js';
import { RankedWorkers, WorkerSet } from './worker-set.js';

/**
 * A stream or a chunk may be long, however short its name was so far: nothing is sent ahead behind
 * it.
 */
const MAY_BE_LONG: number = Flag.Stream | Flag.Chunk;

export interface DispatcherOptions {
  readonly pipelining: boolean;
  readonly concurrency: number;
}

export interface DispatcherListener {
  /** Tasks wait, and no worker has a free place. */
  onBacklog(): void;
  /** The worker was sent the last task that it may start. */
  onAllowanceSpent(leases: WorkerLeases): void;
  /** A round is complete, so the queue may be shorter. */
  onDispatched(): void;
}

export class Dispatcher {
  readonly #clock: Clock;
  readonly #queue: TaskQueue<TaskRecord>;
  readonly #names: NameTable;
  readonly #options: DispatcherOptions;
  readonly #listener: DispatcherListener;
  readonly #story: Story;
  readonly workers: Set<WorkerLeases> = new Set();
  readonly #free = new RankedWorkers<WorkerLeases>();
  readonly #takesAhead = new WorkerSet<WorkerLeases>();
  readonly #dirty = new Set<WorkerLeases>();
  #isDispatchDue = false;
  /** A worker does not start its tasks, and no other worker has a place for them yet. */
  #isHeldUp = false;
  #watch: Timer | undefined;
  #isPaused = false;

  constructor(
    clock: Clock,
    story: Story,
    queue: TaskQueue<TaskRecord>,
    names: NameTable,
    options: DispatcherOptions,
    listener: DispatcherListener,
  ) {
    this.#clock = clock;
    this.#story = story;
    this.#queue = queue;
    this.#names = names;
    this.#options = options;
    this.#listener = listener;
  }

  /** Lets a worker take tasks. `workers` holds it from its spawn until `close`, open or not. */
  open(leases: WorkerLeases): void {
    leases.isOpen = true;
    this.update(leases);
    this.schedule();
  }

  close(leases: WorkerLeases): void {
    this.workers.delete(leases);
    this.update(leases);
    this.#dirty.delete(leases);
  }

  /** Sorts a worker in again after its capacity has changed. */
  update(leases: WorkerLeases): void {
    const { rank } = leases;
    this.#free.set(leases.free, rank);
    this.#takesAhead.set(leases.takingAhead, rank < 0 && this.#options.pipelining && leases.aheadUs < AHEAD_LIMIT_US && leases.takesAhead);
  }

  /** Schedules one round of dispatching after this turn. */
  schedule(): void {
    if (this.#isDispatchDue || (this.#queue.size === 0 && !this.#isHeldUp)) return;
    this.#isDispatchDue = true;
    this.#clock.afterPoll(() => {
      this.#isDispatchDue = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#isPaused) return;
    const now = this.#clock.now();
    if (this.#isHeldUp) this.#relieve(now); // before the tasks that came later (G14)
    for (let record = this.#queue.peek(); record !== undefined; record = this.#queue.peek()) {
      const leases = this.#workerFor(record);
      if (leases === undefined) break;
      this.#queue.remove(record);
      this.#give(leases, record, now);
    }
    for (const leases of this.#dirty) leases.worker.flush();
    this.#dirty.clear();
    if (this.#queue.size > 0) this.#listener.onBacklog();
    this.#listener.onDispatched();
  }

  #workerFor(record: TaskRecord): WorkerLeases | undefined {
    // With concurrency, tasks are spread over the workers; without, the latest has the warmest
    // caches.
    const workers = this.#free.first;
    const free = this.#options.concurrency > 1 ? workers?.next() : workers?.latest;
    if (free !== undefined || (record.flags & MAY_BE_LONG) !== 0) return free;
    const leases = this.#takesAhead.next();
    return leases !== undefined && mayGoAhead(record.name, leases.aheadUs) ? leases : undefined;
  }

  #give(leases: WorkerLeases, record: TaskRecord, now: number): void {
    this.#define(leases, record.name.id);
    record.become('sent', this.#story);
    leases.send(record, now, estimateUs(record.name), !isShort(record.name) || (record.flags & MAY_BE_LONG) !== 0);
    record.isBack = false;
    this.#dirty.add(leases);
    this.update(leases);
    if (leases.allowance === 0) this.#listener.onAllowanceSpent(leases);
    this.#armWatch();
  }

  /** Sends the worker the names up to this id, since Run frames carry only ids. */
  #define(leases: WorkerLeases, id: number): void {
    while (leases.definedNames < id) {
      leases.definedNames += 1;
      const { codec, body } = encodedName(this.#names, leases.definedNames);
      leases.worker.add(defineMessage(codec, leases.definedNames), body);
    }
  }

  /**
   * Arms the one timer for all workers, for the earliest time at which one may have delayed a start
   * for too long.
   */
  #armWatch(delayMs: number = HOSTAGE_MS): void {
    this.#watch ??= this.#clock.setTimer(() => {
      // After a stall of this process the replies are still in the pipes: read them first.
      this.#clock.afterPoll(() => {
        this.#watch = undefined;
        this.#relieve(this.#clock.now());
        this.schedule();
      });
    }, delayMs);
  }

  #relieve(now: number): void {
    this.#isHeldUp = false;
    let next = Number.POSITIVE_INFINITY;
    for (const leases of this.workers) {
      if (leases.load === 0) continue;
      const again = leases.relieve(now, this.#hasPlaceBeside(leases));
      if (again === undefined) this.#isHeldUp = true;
      else next = Math.min(next, again);
      this.update(leases);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#armWatch(Math.max(next - now, 1));
  }

  /** True if another worker that keeps up has a free place. */
  #hasPlaceBeside(leases: WorkerLeases): boolean {
    if (this.#isPaused) return false;
    const { concurrency } = this.#options;
    const { rank } = leases;
    return this.#free.countBelow(concurrency) > (rank >= 0 && rank < concurrency ? 1 : 0);
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.schedule();
  }

  /** The number of workers in which a task could start immediately. */
  get freePlaces(): number {
    return this.#free.size;
  }

  stop(): void {
    if (this.#watch !== undefined) this.#clock.clearTimer(this.#watch);
    this.#watch = undefined;
  }
}
