/** What a pool reaches the world through; a simulation puts its own in place of each. */
import type { Clock, Spawner } from '../shared/platform.js';
import type { JournalStore } from './batch/journal-store.js';

export interface PoolPlatform {
  readonly clock: Clock;
  readonly spawner: Spawner;
  readonly journals: JournalStore;
  readonly random: () => number;
  /** Workers that may boot at once. */
  readonly spawnConcurrency: number;
}
