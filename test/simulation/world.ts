/**
 * Virtual time, and the two kinds of events in it: those of the parent's event loop, in the phases
 * of Node's own (timers, poll, check), and those of everything else: processes, pipes, the kernel.
 *
 * While the parent is in a callback, the others go on: they catch up, each at its own time, before
 * the parent has its next callback. One callback is one turn of the real event loop, so that every
 * promise behind it settles before the next.
 */
import type { Clock, Timer } from '../../src/shared/platform.js';
import type { Random } from '../../src/testing/random.js';
import { Agenda, type Entry } from './agenda.js';
import type { Story } from './story.js';
import { textOf } from './text.js';

export interface ParentHabits {
  /** The most that a callback may cost, in milliseconds. */
  readonly callbackMs: number;
  /** How often the parent stalls after a callback, and for how long at most. */
  readonly stallChance: number;
  readonly stallMs: number;
  /** How often it stalls while a worker boots. */
  readonly bootStallChance: number;
}

/** Steps between two checks of everything: a check costs as much as several steps. */
const STEPS_BETWEEN_LOOKS = 16;
/**
 * Steps between two real turns of the event loop, in which Node reports unhandled rejections: these
 * cost as much too.
 */
const STEPS_BETWEEN_TURNS = 16;

type Phase = 'timers' | 'poll' | 'check';

export class World implements Clock {
  readonly epoch = 1_700_000_000_000;
  readonly story: Story;
  readonly faults: string[] = [];
  readonly #random: Random;
  readonly #habits: ParentHabits;
  readonly #others = new Agenda();
  readonly #timers = new Agenda();
  /** Timers of the program: after a stall they fire before what has arrived meanwhile is read. */
  readonly #program = new Agenda();
  #arrived: (() => void)[] = [];
  #polled: (() => void)[] = [];
  #immediates: (() => void)[] = [];
  #checking: (() => void)[] = [];
  #phase: Phase = 'timers';
  #now = 0;
  #parentFreeAt = 0;
  #holds = 0;
  /** Called between two callbacks, now and then. */
  onStep: (() => void) | undefined;
  #steps = 0;
  /** The total time that the parent has stalled. */
  stalledMs = 0;
  /** Whether the present event is in the parent, and not in a worker or in the kernel. */
  isParentsTurn = true;
  #polledAt = 0;

  constructor(story: Story, random: Random, habits: ParentHabits) {
    this.story = story;
    this.#random = random;
    this.#habits = habits;
  }

  // ---- the clock of the parent

  now(): number {
    return this.#now;
  }
  setTimer(callback: () => void, delayMs: number): Timer {
    if (Number.isNaN(delayMs)) this.fault('G9: a timer is set that has no time');
    return { timer: this.#timers.add(this.#now + Math.max(0, delayMs), callback) };
  }
  clearTimer(timer: Timer): void {
    this.#timers.strike(timer.timer as Entry);
  }
  afterPoll(callback: () => void): void {
    this.#immediates.push(callback);
  }
  soon(callback: () => void): void {
    queueMicrotask(() => this.#guarded(callback));
  }
  hold(): void {
    this.#holds += 1;
  }
  release(): void {
    this.#holds -= 1;
    if (this.#holds < 0) this.fault('G9: the clock was released more often than it was held');
  }

  /** When the parent ends, or has ended, its present callback. */
  get parentFreeAt(): number {
    return Math.max(this.#now, this.#parentFreeAt);
  }

  /**
   * Whatever had arrived by then was read before the present callback, or should have been: a timer
   * lets the parent read first.
   */
  get hasReadUntil(): number {
    return this.#phase === 'timers' ? this.#now : this.#polledAt;
  }

  // ---- what the parent has left

  get holds(): number {
    return this.#holds;
  }
  get timers(): number {
    return this.#timers.size;
  }

  // ---- the others

  /** Adds an event elsewhere, at that time. */
  at(time: number, run: () => void): Entry {
    return this.#others.add(Math.max(time, this.#now), run);
  }
  strike(entry: Entry): void {
    this.#others.strike(entry);
  }

  /** Something has arrived at the parent, which reads it in its next poll phase. */
  arrive(callback: () => void): void {
    this.#arrived.push(callback);
  }

  /**
   * Adds an act of the program at that time: by a timer of its own, or because something arrives
   * then.
   */
  act(time: number, run: () => void): void {
    if (Math.floor(time * 1000) % 2 === 0) this.#program.add(time, run);
    else this.at(time, () => this.arrive(run));
  }

  /**
   * In the middle of a callback of the parent, the others catch up to `aheadMs` from now: a race
   * within one turn.
   */
  race(aheadMs: number): void {
    const now = this.#now;
    this.isParentsTurn = false;
    for (;;) {
      const at = this.#others.nextAt;
      if (at > now + aheadMs) break;
      this.#now = Math.max(now, at);
      this.#others.take(at)?.();
    }
    this.isParentsTurn = true;
    this.#now = now;
  }

  log(what: string, subject: number | string, detail?: number | string): void {
    this.story.add(this.#now, what, subject, detail);
  }

  fault(text: string): void {
    this.faults.push(text);
    this.log('FAULT', text);
  }

  // ---- running

  /**
   * Runs until the condition holds (true), or until nothing can happen any more or `limitMs` have
   * passed (false).
   */
  run(isOver: () => boolean, limitMs: number): Promise<boolean> {
    const end = this.#now + limitMs;
    return new Promise((resolve) => {
      const turn = (): void => {
        this.#steps += 1;
        if (this.#steps % STEPS_BETWEEN_LOOKS === 0) this.onStep?.();
        if (isOver()) resolve(true);
        else if (this.#now > end || this.faults.length > 0 || !this.#step()) resolve(isOver());
        else if (this.#steps % STEPS_BETWEEN_TURNS === 0) setImmediate(turn);
        else queueMicrotask(() => process.nextTick(turn)); // once every promise behind the step has settled, and without a call of the kernel
      };
      setImmediate(turn);
    });
  }

  /** Runs one callback, of the parent or of the others. False if there is none. */
  #step(): boolean {
    for (;;) {
      const isReady = this.#phase !== 'timers' || this.#arrived.length > 0 || this.#immediates.length > 0;
      const parentAt = Math.max(this.#parentFreeAt, isReady ? this.#now : Math.min(this.#timers.nextAt, this.#program.nextAt));
      const othersAt = this.#others.nextAt;
      if (parentAt === Number.POSITIVE_INFINITY && othersAt === Number.POSITIVE_INFINITY) return false;
      if (othersAt <= parentAt) {
        this.#now = Math.max(this.#now, othersAt);
        this.isParentsTurn = false;
        this.#guarded(this.#others.take(othersAt));
        return true;
      }
      this.#now = Math.max(this.#now, parentAt);
      const callback = this.#nextOfParent();
      if (callback === undefined) continue;
      this.isParentsTurn = true;
      this.#guarded(callback);
      this.#rest();
      return true;
    }
  }

  /** The next callback in the present phase; undefined when the next phase begins. */
  #nextOfParent(): (() => void) | undefined {
    switch (this.#phase) {
      case 'timers': {
        const timer = this.#program.take(this.#now) ?? this.#timers.take(this.#now);
        if (timer !== undefined) return timer;
        this.#phase = 'poll';
        this.#polledAt = this.#now;
        this.#polled = this.#arrived;
        this.#arrived = [];
        return undefined;
      }
      case 'poll': {
        const arrival = this.#polled.shift();
        if (arrival !== undefined) return arrival;
        this.#phase = 'check';
        this.#checking = this.#immediates;
        this.#immediates = [];
        return undefined;
      }
      case 'check': {
        const immediate = this.#checking.shift();
        if (immediate === undefined) this.#phase = 'timers';
        return immediate;
      }
    }
  }

  /**
   * A callback takes time; now and then the parent is busy with something else for a longer time.
   */
  #rest(): void {
    let costMs = this.#random.next() * this.#habits.callbackMs;
    if (this.#habits.stallChance > 0 && this.#random.chance(this.#habits.stallChance)) {
      const stallMs = this.#random.next() * this.#habits.stallMs;
      this.stalledMs += stallMs;
      costMs += stallMs;
      this.log('the parent stalls', '', stallMs);
    }
    this.#parentFreeAt = Math.max(this.#parentFreeAt, this.#now + costMs);
  }

  /** The parent does nothing for `stallMs`: it is busy, at a breakpoint, or stopped. */
  stall(stallMs: number): void {
    this.log('the parent stalls', '', stallMs);
    this.stalledMs += stallMs;
    this.#parentFreeAt = this.parentFreeAt + stallMs;
  }

  #guarded(callback: (() => void) | undefined): void {
    try {
      callback?.();
    } catch (error) {
      this.fault(`G9: an uncaught exception: ${textOf(error)}`);
    }
  }
}
