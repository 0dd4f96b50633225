/** What looks after living workers from outside: the heartbeat, and the limit of memory. */
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

  /** There is a worker to look after. */
  start(): void {
    for (const watch of this.#all) watch.start();
  }

  stop(): void {
    for (const watch of this.#all) watch.stop();
  }
}
