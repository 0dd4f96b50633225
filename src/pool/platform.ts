/**
 * Everything through which a pool reaches the outside world: time, processes, files and chance.
 * Real pools use node-platform.ts; the simulation replaces each part.
 */
import type { Clock, Spawner } from '../shared/platform.js';
import type { JournalStore } from './batch/journal-store.js';

export interface PoolPlatform {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly journals: JournalStore;
  readonly random: () => number;
  /** The number of workers that may boot at the same time. */
  readonly spawnConcurrency: number;
}
