/**
 * The periodic checks of living workers: the heartbeat and the memory limit, each if configured.
 */
import type { Clock } from '../../shared/platform.js';
import type { Worker } from '../lifecycle/worker.js';
import type { SupervisorRules } from '../supervisor-listener.js';
import { Heartbeat } from './heartbeat.js';
import { MemoryLimit } from './memory-limit.js';

export class HealthChecks {
  readonly #all: (Heartbeat | MemoryLimit)[] = [];

  constructor(clock: Clock, { heartbeat, limits }: SupervisorRules, workers: () => Iterable<Worker>) {
    if (heartbeat !== false) this.#all.push(new Heartbeat(clock, heartbeat, workers));
    if (limits.rssBytes !== undefined) this.#all.push(new MemoryLimit(clock, limits.rssBytes, workers));
  }

  /** There is a worker to check. */
  start(): void {
    for (const check of this.#all) check.start();
  }

  stop(): void {
    for (const check of this.#all) check.stop();
  }
}
