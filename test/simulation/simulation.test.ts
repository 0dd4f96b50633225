/**
 * The whole pool, its supervisor and its protocol, and the runner of its workers, in one process and in virtual time:
 * G1 to G7, G9, G10 and G11 under everything that a seed can think of. `npm run sim` runs more of them.
 */
import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

/** Seeds in each test: together a few thousand, and several hundred thousand tasks. */
const SEEDS = 500;
const TESTS = 8;

describe('simulation', () => {
  it.each(Array.from({ length: TESTS }, (_, index) => [index * SEEDS + 1, (index + 1) * SEEDS]))(
    'seeds %i to %i: every guarantee holds',
    async (first, last) => {
      const total = { tasks: 0, deaths: 0 };
      for (let seed = first; seed <= last; seed++) {
        const { faults, tasks, deaths } = await runSeed(seed);
        expect(faults, `replay it with: npm run sim -- --seed ${seed}`).toEqual([]);
        total.tasks += tasks;
        total.deaths += deaths;
      }
      // It would prove nothing if nothing happened.
      expect(total.tasks).toBeGreaterThan(50 * SEEDS);
      expect(total.deaths).toBeGreaterThan(5 * SEEDS);
    },
  );

  it('the same seed tells the same story, also beside its telling', async () => {
    for (const seed of [3, 77, 1234]) {
      const first = await runSeed(seed);
      const again = await runSeed(seed, true);
      expect(again.digest).toBe(first.digest);
      expect(again.story.length).toBeGreaterThan(10);
    }
  });

  it('different seeds tell different stories', async () => {
    const digests = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) digests.add((await runSeed(seed)).digest);
    expect(digests.size).toBe(50);
  });
});
