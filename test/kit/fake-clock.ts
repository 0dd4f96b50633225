/**
 * A clock that stands still until the test moves it. Nothing happens by itself, not even `soon`.
 */
import type { Clock, Timer } from '../../src/shared/platform.js';

export class FakeClock implements Clock {
  readonly epoch = 0;
  time = 0;
  /** How many reasons the process has to stay alive. */
  holds = 0;
  /** How many timers have ever been started. */
  started = 0;
  readonly timers = new Map<Timer, { readonly at: number; readonly callback: () => void }>();
  readonly soonCallbacks: (() => void)[] = [];
  readonly #pollCallbacks: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer: Timer = { timer: undefined };
    this.started += 1;
    this.timers.set(timer, { at: this.time + delayMs, callback });
    return timer;
  }

  clearTimer(timer: Timer): void {
    this.timers.delete(timer);
  }

  afterPoll(callback: () => void): void {
    this.#pollCallbacks.push(callback);
  }

  soon(callback: () => void): void {
    this.soonCallbacks.push(callback);
  }

  hold(): void {
    this.holds += 1;
  }

  release(): void {
    this.holds -= 1;
  }

  /** Time passes on an idle machine: each timer fires when it is due. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = Math.min(...[...this.timers.values()].map(({ at }) => at));
      if (next > end) break;
      this.jumpTo(Math.max(next, this.time));
    }
    this.jumpTo(end);
  }

  /** As `jumpTo`, by a duration. */
  jump(ms: number, arrives?: () => void): void {
    this.jumpTo(this.time + ms, arrives);
  }

  /**
   * The process stands still until `time`. Then the late timers fire, what waits in the pipes
   * arrives, and the poll phase ends.
   */
  jumpTo(time: number, arrives?: () => void): void {
    this.time = time;
    for (;;) {
      const late = [...this.timers].find(([, { at }]) => at <= time);
      if (late === undefined) break;
      this.timers.delete(late[0]);
      late[1].callback();
    }
    arrives?.();
    for (const callback of this.#pollCallbacks.splice(0)) callback();
  }

  /** Runs what was to run soon. */
  runSoon(): void {
    for (const callback of this.soonCallbacks.splice(0)) callback();
  }
}
