/**
 * The real Clock (platform.ts).
 *
 * Owns the one ref'd timer that keeps the parent alive while there are holds. Its other timers
 * never keep a process alive.
 */
import type { Clock, Timer } from './platform.js';

/** The longest delay of Node's timers; a longer one would fire after 1 ms. */
const LONGEST_DELAY_MS = 0x7fff_ffff;

/**
 * Turns `performance.now()`, which counts from the start of the process, into the machine's clock.
 */
const sinceBoot: number = measureOffset();

/**
 * `process.hrtime` and `performance.now` read the same clock. The tightest of a few pairs of
 * readings counts, so that a preemption between two readings does not shift the clock of this
 * process for ever.
 */
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
    // Toggling a timer costs a tenth of making one, and a caller that awaits task after task
    // toggles it each time.
    if (this.#keeper === undefined) this.#keeper = setInterval(() => undefined, LONGEST_DELAY_MS);
    else this.#keeper.ref();
  }

  release(): void {
    if (this.#holds === 0) throw new Error('release() without hold()');
    if (--this.#holds === 0) this.#keeper?.unref();
  }

  #arm(timer: NodeTimer, delayMs: number): void {
    const delay = delayMs > 0 ? Math.min(Math.ceil(delayMs), LONGEST_DELAY_MS) : 1;
    timer.timer = setTimeout(() => this.#fire(timer), delay).unref();
  }

  /**
   * libuv counts whole milliseconds of a cached time, so its timers may fire up to 1 ms early.
   * Callbacks are never early.
   */
  #fire(timer: NodeTimer): void {
    const remaining = timer.due - this.now();
    if (remaining > 0) this.#arm(timer, remaining);
    else timer.callback();
  }
}
