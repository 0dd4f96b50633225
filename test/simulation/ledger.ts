/**
 * What happened outside the pool, recorded by the simulated processes themselves and checked
 * against the guarantees immediately: which attempt was recorded as started, which function was
 * called, which reply was written in full.
 */
import type { Fate } from './fate.js';
import type { World } from './world.js';

/** A simulated process, as the ledger sees it. */
export interface Witnessed {
  readonly workerId: number;
  readonly fate: Fate;
  readonly isAlive: boolean;
  /** It has broken its channel: from then on nothing that it says has to be believed. */
  readonly isFaulty: boolean;
  /** Whether the pool may kill it whatever runs in it. */
  readonly isOutlaw: boolean;
  /** Whether a signal of the pool has ended it. */
  readonly wasKilledByPool: boolean;
  /** Whether a signal from outside has. */
  strike(signal: NodeJS.Signals): void;
}

export interface TaskEntry {
  readonly id: number;
  readonly name: string;
  /** How often it may be started. */
  readonly allowed: number;
  /** Its time limit. */
  readonly timeoutMs: number | undefined;
  /** Someone may have asked for its end, so its worker may be killed for it. */
  mayBeKilled: boolean;
  /** The number of attempts that were claimed, by a worker or by task code. */
  recorded: number;
  /** How many of those by task code. */
  doubtful: number;
  /** The number of attempts that began: a worker claimed them. */
  begun: number;
  /** The number of times the function was called. */
  calls: number;
  /** The reply to the last attempt, if a sound process wrote it in full. */
  reply: 'result' | 'failure' | undefined;
  /** How often a failure may be answered by another attempt. */
  errorsLeft: number;
  /** When the parent could read that reply, and the total time it had stalled by then. */
  repliedAt: number;
  stalledMs: number;
  /** Someone asked for its end after this number of attempts had begun. */
  endedAtBegun: number | undefined;
  /** Where it runs: recorded as started, not answered, in a living process. */
  readonly runningIn: Set<Witnessed>;
  /** The workers that it was sent to, whether they started it or not. */
  readonly givenTo: Set<number>;
  isSettled: boolean;
}

/** One item of a chunk. */
interface Item {
  allowed: number;
  /** Where it was called. */
  readonly calls: Witnessed[];
  readonly isPoison: boolean;
}

/** The longest time that a kill ladder may take, stalls of the parent not counted. */
const TIMEOUT_SLACK_MS = 2500;

export class Ledger {
  readonly tasks = new Map<number, TaskEntry>();
  readonly alive = new Set<Witnessed>();
  /** The workers that the user killed by id. */
  readonly killedByUser = new Set<number>();
  /** The pool is being ended by force, so everything is a target. */
  isEnding = false;
  /** The pool is closed with `cancelQueued`. */
  cancelsQueued = false;
  /** No more faults occur: what has begun may end. */
  isCalm = false;
  readonly #world: World;
  readonly #concurrency: number;
  readonly #defaultAllowed: number;
  readonly #open = new Map<Witnessed, Map<number, TaskEntry>>();
  readonly #unreleased = new Set<Witnessed>();
  readonly #items: Item[] = [];
  /** The tasks of a flood that have not settled. */
  floodLeft = 0;
  /** Starts that were recorded by workers that died before they called anything. */
  #uncalledDeaths = 0;
  readonly #callsIn = new Map<Witnessed, number>();
  /** For each process, the chunks that have recorded an item there. */
  readonly #uncalled = new Map<Witnessed, Set<number>>();
  calls = 0;
  /** The workers that forge. */
  readonly forgers = new Set<number>();

  constructor(world: World, concurrency: number, defaultAllowed: number) {
    this.#world = world;
    this.#concurrency = concurrency;
    this.#defaultAllowed = defaultAllowed;
  }

  // ---- what the user does

  submitted(id: number, name: string, allowed: number, mayBeKilled: boolean, timeoutMs?: number, errorsLeft: number = 0): TaskEntry {
    const entry: TaskEntry = {
      id,
      name,
      allowed,
      timeoutMs,
      mayBeKilled,
      recorded: 0,
      doubtful: 0,
      begun: 0,
      calls: 0,
      reply: undefined,
      errorsLeft,
      repliedAt: 0,
      stalledMs: 0,
      endedAtBegun: undefined,
      runningIn: new Set(),
      givenTo: new Set(),
      isSettled: false,
    };
    this.tasks.set(id, entry);
    return entry;
  }

  /** From now on it must not be started again. */
  ended(entry: TaskEntry): void {
    entry.endedAtBegun ??= entry.begun;
    entry.mayBeKilled = true;
  }

  /** Registers the keys of items, and how often each may be called. */
  newItems(count: number, allowed: number, poison: number | undefined): number[] {
    return Array.from({ length: count }, (_, index) => this.#items.push({ allowed, calls: [], isPoison: index === poison }) - 1);
  }

  /** True if its process dies of it. */
  itemCalled(process: Witnessed, key: number): boolean {
    const item = this.#items[key];
    if (item === undefined) return false;
    item.calls.push(process);
    this.#callsIn.set(process, (this.#callsIn.get(process) ?? 0) + 1);
    if (item.calls.length > item.allowed)
      this.#world.fault(`G2/G3: item ${key} of a chunk is called for the ${item.calls.length}th time, ${item.allowed} allowed`);
    return item.isPoison && !this.isCalm;
  }

  /** An item of this attempt was recorded as started. */
  itemNoted(process: Witnessed, seq: number): void {
    const recorded = this.#uncalled.get(process) ?? new Set<number>();
    this.#uncalled.set(process, recorded.add(seq));
  }

  /** Its end is known for good. */
  itemReported(key: number): void {
    const item = this.#items[key];
    if (item !== undefined) item.allowed = item.calls.length;
  }

  /**
   * It is said to have failed with its worker, so it must have been called there, as often as it
   * may.
   */
  itemDied(key: number): void {
    const item = this.#items[key];
    if (item === undefined || this.forgers.size > 0) return;
    const charges = item.calls.filter((process) => !process.isAlive).length;
    if (charges + this.#uncalledDeaths < item.allowed)
      this.#world.fault(
        `G3: item ${key} of a chunk fails with its worker, which was called in ${charges} that died, ${item.allowed} allowed`,
      );
  }

  // ---- what the pool does

  /** It is sent to a worker, so the parent has read the reply to the attempt before. */
  given(id: number, workerId: number): void {
    const entry = this.tasks.get(id);
    if (entry === undefined) return;
    entry.givenTo.add(workerId);
    if (entry.reply === 'failure') entry.errorsLeft -= 1;
    if (entry.reply === 'result' || entry.errorsLeft < 0) this.#world.fault(`G4: task ${id} had replied in full, and is sent again`);
    entry.reply = undefined;
  }

  // ---- what the processes do

  forged({ workerId }: Witnessed): void {
    this.forgers.add(workerId);
  }
  /** What is reported about it may be a lie. */
  isTainted(entry: TaskEntry): boolean {
    return this.forgers.size > 0 && [...entry.givenTo].some((id) => this.forgers.has(id));
  }

  begun(process: Witnessed): void {
    this.#unreleased.add(process);
  }
  spawned(process: Witnessed): void {
    this.alive.add(process);
    this.#open.set(process, new Map());
  }
  released(process: Witnessed): void {
    this.#unreleased.delete(process);
  }
  /** A process that never started need not be released. */
  failed(process: Witnessed): void {
    this.#unreleased.delete(process);
  }
  get unreleased(): number {
    return this.#unreleased.size;
  }

  /** Its offer was claimed: it starts. */
  claimed(process: Witnessed, seq: number, id: number): void {
    const entry = this.tasks.get(id) ?? this.submitted(id, '(of a batch)', this.#defaultAllowed, true);
    entry.recorded += 1;
    this.#callsIn.delete(process); // of the previous chunk
    this.#open.get(process)?.set(seq, entry);
    this.#world.log('starts', process.workerId, entry.id);
    entry.begun += 1;
    if (entry.endedAtBegun !== undefined && entry.begun > entry.endedAtBegun && !process.isFaulty)
      this.#world.fault(`G6: task ${entry.id} starts in worker ${process.workerId} after it was ended`);
    // A process that outlived the kill ladder is given up: its task may start again, if it may at
    // all.
    if ([...entry.runningIn].some(isSound))
      this.#world.fault(`G2: task ${entry.id} starts in worker ${process.workerId} while it runs in another`);
    entry.runningIn.add(process);
    if (entry.timeoutMs !== undefined) this.#watchTimeout(entry, process, entry.begun, entry.timeoutMs);
  }

  /** Its offer was taken by task code: the parent must believe that it has started (G2). */
  stolen(id: number): void {
    const entry = this.tasks.get(id);
    if (entry === undefined) return;
    entry.recorded += 1;
    entry.doubtful += 1;
  }

  /** A time limit holds, whatever the worker says, from the end of a stall that it began in. */
  #watchTimeout(entry: TaskEntry, process: Witnessed, begun: number, timeoutMs: number): void {
    const { stalledMs, parentFreeAt } = this.#world;
    this.#world.at(parentFreeAt + timeoutMs + TIMEOUT_SLACK_MS, () => {
      if (!process.isAlive || process.fate.undyingMs > 0 || entry.begun !== begun || !entry.runningIn.has(process)) return;
      if (entry.isSettled && this.forgers.has(process.workerId)) return; // the forger said that it had ended
      if (this.#world.stalledMs > stalledMs || this.#world.parentFreeAt > this.#world.now())
        this.#watchTimeout(entry, process, begun, timeoutMs);
      else this.#world.fault(`G1: task ${entry.id} runs ${TIMEOUT_SLACK_MS} ms longer than its time limit`);
    });
  }

  called(process: Witnessed, id: number, attempt: number): void {
    const entry = this.tasks.get(id) as TaskEntry;
    this.calls += 1;
    entry.calls += 1;
    if (entry.calls > entry.allowed)
      this.#world.fault(`G2/G3: task ${id} (${entry.name}) is called for the ${entry.calls}th time, ${entry.allowed} allowed`);
    if (attempt !== entry.recorded && entry.name !== '(of a batch)')
      this.#world.log('calls', process.workerId, `${id}, attempt ${attempt}, recorded ${entry.recorded}`);
  }

  replied(process: Witnessed, seq: number, reply: 'result' | 'failure', arrivesAt: number): void {
    const open = this.#open.get(process);
    const entry = open?.get(seq);
    if (entry === undefined) return;
    this.#world.log('replies', process.workerId, entry.id);
    open?.delete(seq);
    entry.runningIn.delete(process);
    this.#world.at(arrivesAt, () => {
      entry.repliedAt = this.#world.parentFreeAt;
      entry.stalledMs = this.#world.stalledMs;
    });
    entry.reply = isSound(process) ? reply : undefined;
  }

  died(process: Witnessed): void {
    this.alive.delete(process);
    const orphans = this.#open.get(process) ?? new Map<number, TaskEntry>();
    this.#open.delete(process);
    const calls = this.#callsIn.get(process) ?? 0;
    if (orphans.size > 0 && calls === 0) this.#uncalledDeaths += 1;
    // Each chunk that runs there may have recorded an item that it has not called yet.
    else this.#uncalledDeaths += this.#uncalled.get(process)?.size ?? 0;
    for (const entry of orphans.values()) {
      entry.runningIn.delete(process);
      const isTarget = entry.mayBeKilled || this.isEnding || this.#concurrency > 1;
      if (isTarget || !process.wasKilledByPool || process.isFaulty || process.isOutlaw || this.killedByUser.has(process.workerId)) continue;
      this.#world.fault(`G5: worker ${process.workerId} was killed by the pool while task ${entry.id} ran in it, which nobody had ended`);
    }
  }

  /** It has settled, so it runs nowhere, and the parent knows of every start. */
  settled(entry: TaskEntry, attempts: number): void {
    for (const process of entry.runningIn) {
      if (isSound(process)) this.#world.fault(`G7: task ${entry.id} settles while it runs in worker ${process.workerId}`);
    }
    if ((attempts > entry.recorded || attempts < entry.recorded - entry.doubtful) && !this.isTainted(entry))
      this.#world.fault(`G3: task ${entry.id} settles with ${attempts} attempts, ${entry.recorded} had started`);
    this.ended(entry);
    entry.isSettled = true;
  }

  /** A task that was said to have ended runs nowhere (G7). */
  checkEnded(entry: TaskEntry, how: string): void {
    for (const process of entry.runningIn) {
      // An earlier attempt may run in a process that outlived the kill ladder: whoever killed it
      // was informed.
      if (process.fate.undyingMs > 0 && entry.begun > 1) continue;
      if (process.isAlive && !process.isFaulty)
        this.#world.fault(`G7: task ${entry.id} still runs in worker ${process.workerId} after ${how} resolved`);
    }
  }
}

/** Whether the parent can read whatever it says, and can end it. */
function isSound({ isFaulty, fate }: Witnessed): boolean {
  return !isFaulty && fate.undyingMs === 0;
}
