/**
 * Starts real processes (`Spawner` in platform.ts). The spawner is a user of the orphan reaper from
 * its first spawn until `close`; each process (node-process.ts) owns everything else.
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
  #hasJoinedReaper = false;

  constructor(options: NodeSpawnerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? new NodeClock();
  }

  spawn(_workerId: number, listener: ProcessListener): WorkerProcess {
    if (!this.#hasJoinedReaper) {
      this.#hasJoinedReaper = true;
      this.#options.orphanReaper.join();
    }
    return new NodeProcess(this.#options, this.#options.orphanReaper, this.#clock, listener);
  }

  close(): void {
    if (!this.#hasJoinedReaper) return;
    this.#hasJoinedReaper = false;
    this.#options.orphanReaper.leave();
  }
}
