/** The progress of a batch, and its speed. Listeners are called at most every 100 ms. */

import type { Clock, Timer } from '../../shared/platform.js';
import { inContext } from '../../shared/program.js';
import type { BatchProgress } from '../types.js';
import type { BatchRun } from './batch-run.js';
import type { Submitter } from './submitter.js';

const REPORT_MS = 100;
/** The speed is that of about this last period. */
const SPAN_MS = 5000;

type Listener = (progress: BatchProgress) => unknown;

export class ProgressMeter {
  done = 0;
  failed = 0;
  readonly #clock: Clock;
  readonly #events: Submitter['events'];
  readonly #batch: BatchRun;
  readonly #startedAt: number;
  /** Finished items, each of which counts less as it gets older. */
  #weight = 0;
  #weighedAt: number;
  #endedAt: number | undefined;
  readonly #listeners: Listener[] = [];
  #reportedAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** Always runs in the context of the call that made the batch. */
  readonly #call: (listener: Listener) => unknown = inContext((listener) => listener(this.progress));

  constructor({ clock, events }: Submitter, batch: BatchRun) {
    this.#clock = clock;
    this.#events = events;
    this.#batch = batch;
    this.#startedAt = clock.now();
    this.#weighedAt = this.#startedAt;
  }

  get progress(): BatchProgress {
    const perSecond = this.#perSecond();
    const { running, pump } = this.#batch;
    const { total } = pump;
    const left = total === undefined ? undefined : total - this.done;
    const etaMs = left === undefined ? undefined : left <= 0 ? 0 : perSecond > 0 ? (left / perSecond) * 1000 : undefined;
    return { total, done: this.done, failed: this.failed, running, perSecond, etaMs };
  }

  count(done: number, failed: number): void {
    this.done += done;
    this.failed += failed;
    const now = this.#clock.now();
    this.#weight = this.#weight * Math.exp((this.#weighedAt - now) / SPAN_MS) + done;
    this.#weighedAt = now;
    this.changed();
  }

  /** An exponential average, corrected for the start, when the batch is younger than the span. */
  #perSecond(): number {
    if (this.#weight === 0) return 0;
    const now = this.#endedAt ?? this.#clock.now();
    const weight = this.#weight * Math.exp((this.#weighedAt - now) / SPAN_MS);
    const span = SPAN_MS * (1 - Math.exp((this.#startedAt - now) / SPAN_MS));
    return (weight / Math.max(span, 1)) * 1000;
  }

  // ---- reports

  listen(listener: Listener): void {
    this.#listeners.push(listener);
    if (this.#endedAt !== undefined) this.#events.after(() => this.#call(listener));
  }

  changed(): void {
    if (this.#listeners.length === 0 || this.#timer !== undefined || this.#endedAt !== undefined) return;
    const dueMs = this.#reportedAt + REPORT_MS - this.#clock.now();
    if (dueMs <= 0) this.#report();
    else this.#timer = this.#clock.setTimer(() => this.#report(), dueMs);
  }

  end(): void {
    this.#endedAt = this.#clock.now();
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#report();
  }

  #report(): void {
    this.#timer = undefined;
    this.#reportedAt = this.#clock.now();
    // Each alone: a listener that throws becomes a warning and takes nothing from the others.
    for (const listener of this.#listeners) this.#events.after(() => this.#call(listener));
  }
}
