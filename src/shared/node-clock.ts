/**
 * The real clock (platform.ts, Clock).
 *
 * Owns the one ref'd timer that keeps the parent alive while something holds. No other timer of it
 * ever keeps a process alive.
 */
import type { Clock, Timer } from './platform.js';

/** The longest delay that Node's timers take; a longer one would fire after 1 ms. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/** `performance.now()` counts from the start of each process; this is what makes it the machine's clock. */
const sinceBoot: number = measureOffset();

/** `process.hrtime` and `performance.now` read the same clock: the tightest of a few pairs of readings, so that
 *  a preemption between the two does not shift this process against the others for its whole life. */
function measureOffset(): number {
  let tightest = Number.POSITIVE_INFINITY;
  let offset = 0;
  for (let i = 0; i < 16; i++) {
    const before = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const after = performance.now();
    if (after - before >= tightest) continue;
    tightest = after - before;
    offset = seconds * 1000 + nanoseconds / 1e6 - (before + after) / 2;
  }
  return offset;
}

class NodeTimer implements Timer {
  timer: NodeJS.Timeout | undefined;
  readonly due: number;
  readonly callback: () => void;

  constructor(due: number, callback: () => void) {
    this.due = due;
    this.callback = callback;
  }
}

export class NodeClock implements Clock {
  readonly epoch: number = performance.timeOrigin - sinceBoot;
  #holds = 0;
  #keeper: NodeJS.Timeout | undefined;

  now(): number {
    return sinceBoot + performance.now();
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = new NodeTimer(this.now() + (delayMs > 0 ? delayMs : 0), callback);
    this.#arm(timer, delayMs);
    return timer;
  }

  clearTimer(timer: Timer): void {
    clearTimeout((timer as NodeTimer).timer);
  }

  afterPoll(callback: () => void): void {
    setImmediate(callback);
  }

  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  hold(): void {
    if (++this.#holds > 1) return;
    // Toggling one timer costs a tenth of making one, and a caller that awaits task after task toggles it each time.
    if (this.#keeper === undefined) this.#keeper = setInterval(() => undefined, LONGEST_DELAY_MS);
    else this.#keeper.ref();
  }

  release(): void {
    if (this.#holds === 0) throw new Error('release() of a clock that nothing holds');
    if (--this.#holds === 0) this.#keeper?.unref();
  }

  #arm(timer: NodeTimer, delayMs: number): void {
    const delay = delayMs > 0 ? Math.min(Math.ceil(delayMs), LONGEST_DELAY_MS) : 1;
    timer.timer = setTimeout(() => this.#fire(timer), delay).unref();
  }

  /** libuv counts whole milliseconds of a cached time, so a timer may come up to 1 ms early: never to its callback. */
  #fire(timer: NodeTimer): void {
    const remaining = timer.due - this.now();
    if (remaining > 0) this.#arm(timer, remaining);
    else timer.callback();
  }
}
