/**
 * Decides when an elastic pool starts more workers: when tasks would wait longer than a new worker
 * takes to boot. If the durations of the waiting tasks are known, the autoscaler predicts the wait;
 * otherwise it assumes that the tasks are long.
 */
import type { Clock, Timer } from '../../shared/platform.js';

/** The assumed boot time before the first boot: about that of bare Node. */
const FIRST_BOOT_MS = 60;
/** The weight of the latest boot in the mean. */
const WEIGHT = 1 / 4;

export interface AutoscalerDelegate {
  /** The number of waiting tasks and the expected duration of one; negative: unknown. */
  backlog(): { readonly waiting: number; readonly meanMs: number };
  /** The places in present and booting workers, over which the waiting tasks are spread. */
  places(): number;
  /** Starts this many workers, as far as the size of the pool allows. */
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

  /** Called when tasks wait and no worker has a free place. */
  onBacklog(): void {
    const count = workersWorth(this.#delegate.backlog(), this.#delegate.places(), this.#bootMs);
    if (count > 0) this.#delegate.grow(count);
    // Running tasks may be long, whatever waits: a wait as long as a boot is too long. But a worker
    // whose results are still in its pipe is nearly free, so those results are read first, and the
    // next tasks are sent to it.
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

/**
 * The number of additional workers that the backlog justifies: each gets at least a boot's time of
 * work.
 */
export function workersWorth(backlog: { readonly waiting: number; readonly meanMs: number }, places: number, bootMs: number): number {
  const { waiting, meanMs } = backlog;
  if (waiting === 0) return 0;
  if (places === 0 || meanMs < 0) return waiting;
  const workMs = waiting * meanMs;
  if (workMs / places <= bootMs) return 0;
  return Math.min(waiting, Math.ceil(workMs / bootMs));
}
