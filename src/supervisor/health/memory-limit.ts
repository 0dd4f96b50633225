/**
 * Enforces `limits.rssBytes`: samples the resident memory of every worker, and kills a worker above
 * the limit, whatever it is doing. The last samples go into the death.
 */
import type { Clock, Timer } from '../../shared/platform.js';
import type { MemorySample } from '../../shared/types.js';
import type { Worker } from '../lifecycle/worker.js';

/** A worker that grows by 1 GB/s takes 50 MB between two samples. A sample costs 3 µs. */
const SAMPLE_MS = 50;
/** The number of last samples that the death reports. */
const KEPT = 10;

export class MemoryLimit {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  readonly #workers: () => Iterable<Worker>;
  readonly #samples = new WeakMap<Worker, MemorySample[]>();
  #timer: Timer | undefined;

  constructor(clock: Clock, limitBytes: number, workers: () => Iterable<Worker>) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
    this.#workers = workers;
  }

  /** There is a worker to check. */
  start(): void {
    this.#timer ??= this.#clock.setTimer(() => {
      this.#timer = undefined;
      let isNeeded = false;
      for (const worker of this.#workers()) {
        if (!worker.isAlive) continue;
        isNeeded = true;
        this.#check(worker);
      }
      if (isNeeded) this.start();
    }, SAMPLE_MS);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #check(worker: Worker): void {
    const { rssBytes } = worker;
    if (rssBytes === undefined) return;
    const samples = this.#samples.get(worker) ?? [];
    this.#samples.set(worker, samples);
    if (samples.length === KEPT) samples.shift();
    samples.push({ uptimeMs: this.#clock.now() - worker.spawnedAt, rssBytes });
    if (rssBytes > this.#limitBytes)
      worker.fail('memory', `${megabytes(rssBytes)}; the limit is ${megabytes(this.#limitBytes)}`, [...samples]);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
