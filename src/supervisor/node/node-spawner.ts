/**
 * Starts real processes (platform.ts, Spawner).
 *
 * Owns its membership of the guard, from the first spawn until `close`; each process owns the rest.
 */

import { NodeClock } from '../../shared/node-clock.js';
import type { Clock, ProcessListener, Spawner, WorkerProcess } from '../../shared/platform.js';
import { NodeProcess, type NodeProcessOptions } from './node-process.js';
import type { OrphanReaper } from './orphan-reaper.js';

export interface NodeSpawnerOptions extends NodeProcessOptions {
  /** The companion that ends the workers if this process dies (G8). */
  readonly orphanReaper: OrphanReaper;
  readonly clock?: Clock;
}

export class NodeSpawner implements Spawner {
  readonly #options: NodeSpawnerOptions;
  readonly #clock: Clock;
  #isInGuard = false;

  constructor(options: NodeSpawnerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new NodeClock();
  }

  spawn(_workerId: number, listener: ProcessListener): WorkerProcess {
    if (!this.#isInGuard) {
      this.#isInGuard = true;
      this.#options.orphanReaper.join();
    }
    return new NodeProcess(this.#options, this.#options.orphanReaper, this.#clock, listener);
  }

  close(): void {
    if (!this.#isInGuard) return;
    this.#isInGuard = false;
    this.#options.orphanReaper.leave();
  }
}
