/** Seeds as tests: every guarantee must hold in each. */
import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

const SEEDS_A_TEST = 500;

/** `count` seeds from `first` on. `npm run sim` runs others. */
export function describeSeeds(first: number, count: number): void {
  const starts = Array.from({ length: count / SEEDS_A_TEST }, (_, index) => first + index * SEEDS_A_TEST);
  describe('simulation', () => {
    it.each(starts)(`${SEEDS_A_TEST} seeds from %i on: every guarantee holds`, async (start) => {
      const total = { tasks: 0, deaths: 0 };
      for (let seed = start; seed < start + SEEDS_A_TEST; seed++) {
        const { faults, tasks, deaths } = await runSeed(seed);
        expect(faults, `replay it with: npm run sim -- --seed ${seed}`).toEqual([]);
        total.tasks += tasks;
        total.deaths += deaths;
      }
      // It would prove nothing if nothing happened.
      expect(total.tasks).toBeGreaterThan(50 * SEEDS_A_TEST);
      expect(total.deaths).toBeGreaterThan(5 * SEEDS_A_TEST);
    });
  });
}
