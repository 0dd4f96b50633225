/**
 * Gives queued tasks to workers: once a turn, after one poll phase, so that a task can be cancelled
 * for the whole tick in which it was submitted and never reaches a worker (G6), and so that many
 * tasks leave in one write.
 */
import { FrameType } from '../../ipc/frame.js';
import type { Clock, Timer } from '../../shared/platform.js';
import { AHEAD_LIMIT_US, estimateUs, isShort, mayGoAhead } from '../task/task-durations.js';
import { encodedName, type NameTable } from '../task/task-names.js';
import type { TaskQueue } from '../task/task-queue.js';
import type { TaskRecord } from '../task/task-record.js';
import { HOSTAGE_MS, type Lane } from './worker-leases.js';
import { LaneList, RankedLanes } from './worker-set.js';

export interface DispatcherOptions {
  readonly pipelining: boolean;
  readonly concurrency: number;
}

export interface DispatcherUser {
  /** Tasks wait, and no worker has room. */
  onShort(): void;
  /** The worker was given the last task that it may start. */
  onSpent(lane: Lane): void;
  /** A round is done: the queue may be shorter. */
  onPumped(): void;
}

export class Dispatcher {
  readonly #clock: Clock;
  readonly #queue: TaskQueue<TaskRecord>;
  readonly #names: NameTable;
  readonly #options: DispatcherOptions;
  readonly #user: DispatcherUser;
  readonly lanes: Set<Lane> = new Set();
  readonly #free = new RankedLanes<Lane>();
  readonly #takesAhead = new LaneList<Lane>();
  readonly #dirty = new Set<Lane>();
  #isPumpDue = false;
  /** A worker does not start what it was sent, and no other has a place for it yet. */
  #isHeldUp = false;
  #watch: Timer | undefined;
  #isPaused = false;

  constructor(clock: Clock, queue: TaskQueue<TaskRecord>, names: NameTable, options: DispatcherOptions, user: DispatcherUser) {
    this.#clock = clock;
    this.#queue = queue;
    this.#names = names;
    this.#options = options;
    this.#user = user;
  }

  /** Until `close`, every lane is known here, open or not. */
  open(lane: Lane): void {
    lane.isOpen = true;
    this.update(lane);
    this.schedule();
  }

  close(lane: Lane): void {
    this.lanes.delete(lane);
    this.update(lane);
    this.#dirty.delete(lane);
  }

  /** Its room has changed. */
  update(lane: Lane): void {
    const { rank } = lane;
    this.#free.set(lane.free, rank);
    this.#takesAhead.set(lane.takingAhead, rank < 0 && this.#options.pipelining && lane.aheadUs < AHEAD_LIMIT_US && lane.takesAhead);
  }

  /** Asks for one round of dispatching after this turn. */
  schedule(): void {
    if (this.#isPumpDue || (this.#queue.size === 0 && !this.#isHeldUp)) return;
    this.#isPumpDue = true;
    this.#clock.afterPoll(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isPaused) return;
    const now = this.#clock.now();
    if (this.#isHeldUp) this.#relieve(now); // before the tasks that came later (G14)
    for (let record = this.#queue.peek(); record !== undefined; record = this.#queue.peek()) {
      const lane = this.#laneFor(record);
      if (lane === undefined) break;
      this.#queue.remove(record);
      this.#give(lane, record, now);
    }
    for (const lane of this.#dirty) lane.worker.flush();
    this.#dirty.clear();
    if (this.#queue.size > 0) this.#user.onShort();
    this.#user.onPumped();
  }

  #laneFor(record: TaskRecord): Lane | undefined {
    // Where a worker takes several at once, they are spread; else the latest has the warmest caches.
    const lanes = this.#free.first;
    const free = this.#options.concurrency > 1 ? lanes?.next() : lanes?.latest;
    if (free !== undefined || record.stream !== undefined) return free;
    const lane = this.#takesAhead.next();
    return lane !== undefined && mayGoAhead(record.name, lane.aheadUs) ? lane : undefined;
  }

  #give(lane: Lane, record: TaskRecord, now: number): void {
    this.#define(lane, record.name.id);
    record.state = 'sent';
    lane.send(record, now, estimateUs(record.name), !isShort(record.name) || record.stream !== undefined);
    record.isBack = false;
    this.#dirty.add(lane);
    this.update(lane);
    if (lane.allowance === 0) this.#user.onSpent(lane);
    this.#armWatch();
  }

  /** Tells the worker the names that it will be sent by number. */
  #define(lane: Lane, id: number): void {
    while (lane.definedNames < id) {
      lane.definedNames += 1;
      const { codec, body } = encodedName(this.#names, lane.definedNames);
      lane.worker.add({ type: FrameType.Define, codec, a: lane.definedNames }, body);
    }
  }

  /** One timer for all lanes: at the earliest time at which a worker could keep something from its start for too long. */
  #armWatch(delayMs: number = HOSTAGE_MS): void {
    this.#watch ??= this.#clock.setTimer(() => {
      // After a stall of the parent the answers are still in the pipes: read them first.
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
    for (const lane of this.lanes) {
      if (lane.load === 0) continue;
      const again = lane.relieve(now, this.#hasPlaceBeside(lane));
      if (again === undefined) this.#isHeldUp = true;
      else next = Math.min(next, again);
      this.update(lane);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#armWatch(Math.max(next - now, 1));
  }

  /** In a worker that keeps up with what it is sent. */
  #hasPlaceBeside(lane: Lane): boolean {
    if (this.#isPaused) return false;
    const { concurrency } = this.#options;
    const { rank } = lane;
    return this.#free.countBelow(concurrency) > (rank >= 0 && rank < concurrency ? 1 : 0);
  }

  pause(): void {
    this.#isPaused = true;
  }
  resume(): void {
    this.#isPaused = false;
    this.schedule();
  }

  /** Places in which a task would start at once. */
  get freePlaces(): number {
    return this.#free.size;
  }

  stop(): void {
    if (this.#watch !== undefined) this.#clock.clearTimer(this.#watch);
    this.#watch = undefined;
  }
}
