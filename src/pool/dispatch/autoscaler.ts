/**
 * When an elastic pool starts more workers: when tasks wait longer than a new worker takes to boot.
 *
 * Where the durations of the tasks that wait are known, that is foreseen; where they are not, a task is taken to be long.
 */
import type { Clock, Timer } from '../../shared/platform.js';

/** What a boot takes until one has been seen: about that of bare Node. */
const FIRST_BOOT_MS = 60;
/** The weight of the newest boot in the mean. */
const WEIGHT = 1 / 4;

export interface AutoscalerDelegate {
  /** Tasks that wait, and how long one of them is taken to be; negative: unknown. */
  backlog(): { readonly waiting: number; readonly meanMs: number };
  /** Workers that are there or coming, over which what waits is spread. */
  places(): number;
  /** Starts so many, if there may be so many. */
  grow(count: number): void;
}

export class Autoscaler {
  readonly #clock: Clock;
  readonly #delegate: AutoscalerDelegate;
  #bootMs = FIRST_BOOT_MS;
  #timer: Timer | undefined;

  constructor(clock: Clock, delegate: AutoscalerDelegate) {
    this.#clock = clock;
    this.#delegate = delegate;
  }

  onBoot(ms: number): void {
    this.#bootMs += (ms - this.#bootMs) * WEIGHT;
  }

  /** Tasks wait, and no worker has room. */
  onBacklog(): void {
    const count = workersWorth(this.#delegate.backlog(), this.#delegate.places(), this.#bootMs);
    if (count > 0) this.#delegate.grow(count);
    // What runs may be long, whatever waits: who waits as long as a boot takes has waited too long.
    // But a worker whose results wait in its pipe is as good as free: they are read first, and the next tasks given to it.
    this.#timer ??= this.#clock.setTimer(() => this.#clock.afterPoll(() => this.#clock.afterPoll(() => this.#check())), this.#bootMs);
  }

  #check(): void {
    if (this.#timer === undefined) return; // stopped
    this.#timer = undefined;
    const { waiting } = this.#delegate.backlog();
    if (waiting > 0) this.#delegate.grow(waiting);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }
}

/** How many more workers what waits is worth, beside the present ones: each gets at least a boot's time of work. */
export function workersWorth(backlog: { readonly waiting: number; readonly meanMs: number }, places: number, bootMs: number): number {
  const { waiting, meanMs } = backlog;
  if (waiting === 0) return 0;
  if (places === 0 || meanMs < 0) return waiting;
  const workMs = waiting * meanMs;
  if (workMs / places <= bootMs) return 0;
  return Math.min(waiting, Math.ceil(workMs / bootMs));
}
