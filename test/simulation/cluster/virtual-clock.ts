/** Virtual time for one run: it moves on when nothing is left to do at the present time. */
import type { Clock, Timer } from '../../../src/shared/platform.js';
import { Agenda, type Entry } from '../agenda.js';

export class VirtualClock implements Clock {
  readonly epoch = 1_700_000_000_000;
  readonly agenda = new Agenda();
  holds = 0;
  #now = 0;

  now(): number {
    return this.#now;
  }
  setTimer(callback: () => void, delayMs: number): Timer {
    return { timer: this.agenda.add(this.#now + Math.max(0, delayMs), callback) };
  }
  clearTimer(timer: Timer): void {
    this.agenda.strike(timer.timer as Entry);
  }
  afterPoll(callback: () => void): void {
    this.agenda.add(this.#now, callback);
  }
  soon(callback: () => void): void {
    queueMicrotask(callback);
  }
  hold(): void {
    this.holds += 1;
  }
  release(): void {
    this.holds -= 1;
  }

  /** Runs until the time is reached, or the condition holds. Returns whether it holds. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<boolean> {
    await microtasks();
    while (!isDone()) {
      const at = this.agenda.nextAt;
      if (at > untilMs) {
        if (untilMs < Number.POSITIVE_INFINITY) this.#now = Math.max(this.#now, untilMs);
        return false;
      }
      this.#now = Math.max(this.#now, at);
      for (let run = this.agenda.take(this.#now); run !== undefined; run = this.agenda.take(this.#now)) run();
      await microtasks();
    }
    return true;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.setTimer(resolve, ms);
    });
  }
}

/** Resolves when no promise can go on. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
