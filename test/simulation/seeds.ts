/** Seeds as tests: every guarantee must hold in each. */
import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

const SEEDS_A_TEST = 300;
/**
 * Two files, each on a processor of its own: the first runs the odd blocks of seeds, the other the
 * even ones, together more than a million tasks.
 */
const BLOCKS_A_FILE = process.env['EVERPOOL_SIMULATION'] === 'long' ? 13 : 1;

/** The seeds of one of the two files. `npm run sim` runs others. */
export function describeSeeds(file: 0 | 1): void {
  const starts = Array.from({ length: BLOCKS_A_FILE }, (_, index) => 1 + (2 * index + file) * SEEDS_A_TEST);
  describe('simulation', () => {
    it.each(starts)(`${SEEDS_A_TEST} seeds from %i on: every guarantee holds`, async (start) => {
      const total = { tasks: 0, deaths: 0 };
      for (let seed = start; seed < start + SEEDS_A_TEST; seed++) {
        const { faults, tasks, deaths } = await runSeed(seed);
        expect(faults, `replay it with: npm run sim -- --seed ${seed}`).toEqual([]);
        total.tasks += tasks;
        total.deaths += deaths;
      }
      // Seeds in which nothing happens would prove nothing.
      expect(total.tasks).toBeGreaterThan(50 * SEEDS_A_TEST);
      expect(total.deaths).toBeGreaterThan(5 * SEEDS_A_TEST);
    });
  });
}
