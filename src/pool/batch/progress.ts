/** How far a batch is, and how fast; tells those who listen, not too often. */

import type { Clock, Timer } from '../../shared/platform.js';
import { inContext } from '../../shared/program.js';
import type { Events } from '../events.js';
import type { BatchProgress } from '../types.js';
import type { BatchRun } from './batch-run.js';

const TELL_MS = 100;
/** The speed is that of about the last so many milliseconds. */
const SPAN_MS = 5000;

type Listener = (progress: BatchProgress) => unknown;

export class ProgressMeter {
  done = 0;
  failed = 0;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #batch: BatchRun;
  readonly #startedAt: number;
  /** Finished items, each counting less as it lies further back. */
  #weight = 0;
  #weighedAt: number;
  #endedAt: number | undefined;
  readonly #listeners: Listener[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** As the code of the call that made the batch, whatever has changed it. */
  readonly #call: (listener: Listener) => unknown = inContext((listener) => listener(this.progress));

  constructor(clock: Clock, events: Events, batch: BatchRun) {
    this.#clock = clock;
    this.#events = events;
    this.#batch = batch;
    this.#startedAt = clock.now();
    this.#weighedAt = this.#startedAt;
  }

  get progress(): BatchProgress {
    const perSecond = this.#perSecond();
    const { total, running } = this.#batch;
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

  /** An exponential average, corrected for the start, when there is less than a whole span to average over. */
  #perSecond(): number {
    if (this.#weight === 0) return 0;
    const now = this.#endedAt ?? this.#clock.now();
    const weight = this.#weight * Math.exp((this.#weighedAt - now) / SPAN_MS);
    const span = SPAN_MS * (1 - Math.exp((this.#startedAt - now) / SPAN_MS));
    return (weight / Math.max(span, 1)) * 1000;
  }

  // ---- telling

  listen(listener: Listener): void {
    this.#listeners.push(listener);
    if (this.#endedAt !== undefined) this.#events.after(() => this.#call(listener));
  }

  changed(): void {
    if (this.#listeners.length === 0 || this.#timer !== undefined || this.#endedAt !== undefined) return;
    const dueMs = this.#toldAt + TELL_MS - this.#clock.now();
    if (dueMs <= 0) this.#tell();
    else this.#timer = this.#clock.setTimer(() => this.#tell(), dueMs);
  }

  end(): void {
    this.#endedAt = this.#clock.now();
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#tell();
  }

  #tell(): void {
    this.#timer = undefined;
    this.#toldAt = this.#clock.now();
    // Each by itself: one that throws becomes a warning and takes nothing from the others.
    for (const listener of this.#listeners) this.#events.after(() => this.#call(listener));
  }
}
