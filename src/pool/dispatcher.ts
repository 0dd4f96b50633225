/**
 * Gives queued tasks to workers: once a turn, after one poll phase, so that a task can be cancelled
 * for the whole tick in which it was submitted and never reaches a worker (G6), and so that many
 * tasks leave in one write.
 */
import { FrameType } from '../ipc/frame.js';
import type { Clock, Timer } from '../shared/doors.js';
import type { Lane } from './lane.js';
import { LaneList } from './lane-list.js';
import { encodedName, type NameTable } from './names.js';
import { AHEAD_LIMIT_US, estimateUs, isShort, mayGoAhead } from './pipelining.js';
import type { TaskRecord } from './record.js';
import type { TaskQueue } from './task-queue.js';

/** When the running attempt has run for so long, what was sent ahead of it is withdrawn (G11). */
const HOSTAGE_MS = 5;

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
  readonly #free = new LaneList<Lane>();
  readonly #takesAhead = new LaneList<Lane>();
  readonly #dirty = new Set<Lane>();
  #isPumpDue = false;
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
    const isFree = lane.hasFreePlace;
    this.#free.set(lane.free, isFree);
    this.#takesAhead.set(lane.takingAhead, !isFree && this.#options.pipelining && lane.aheadUs < AHEAD_LIMIT_US && lane.takesAhead);
  }

  /** Asks for one round of dispatching after this turn. */
  schedule(): void {
    if (this.#isPumpDue || this.#queue.size === 0) return;
    this.#isPumpDue = true;
    this.#clock.afterPoll(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#isPaused) return;
    const now = this.#clock.now();
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
    // Where a worker takes several at once, they are spread.
    const free = this.#options.concurrency > 1 ? this.#free.next() : this.#free.latest;
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
    if (lane.ahead > 0) this.#armWatch();
  }

  /** Tells the worker the names that it will be sent by number. */
  #define(lane: Lane, id: number): void {
    while (lane.definedNames < id) {
      lane.definedNames += 1;
      const { codec, body } = encodedName(this.#names, lane.definedNames);
      lane.worker.add({ type: FrameType.Define, codec, a: lane.definedNames }, body);
    }
  }

  /** One timer for all lanes: at the earliest time at which one of them could hold a hostage. */
  #armWatch(delayMs: number = HOSTAGE_MS): void {
    this.#watch ??= this.#clock.setTimer(() => {
      // After a stall of the parent the answers are still in the pipes: read them first.
      this.#clock.afterPoll(() => {
        this.#watch = undefined;
        this.#withdrawHostages();
      });
    }, delayMs);
  }

  #withdrawHostages(): void {
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const lane of this.lanes) {
      if (lane.ahead === 0) continue;
      if (lane.since + HOSTAGE_MS <= now) lane.withdrawAhead();
      if (lane.ahead > 0) next = Math.min(next, lane.since + HOSTAGE_MS);
      this.update(lane);
    }
    if (next !== Number.POSITIVE_INFINITY) this.#armWatch(Math.max(next - now, 1));
    this.schedule();
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
