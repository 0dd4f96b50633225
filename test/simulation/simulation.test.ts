/**
 * The whole pool, its supervisor, its protocol and the runner of its workers, in one process and in
 * virtual time, under every fault that a seed can draw. These tests show that the simulation itself
 * can be trusted.
 */
import { describe, expect, it } from 'vitest';
import { planOfSeed, runSeed } from './run-seed.js';
import { shrink } from './shrink.js';

describe('the simulation', () => {
  it('a seed always replays the same run, whether its story is logged or not', async () => {
    for (const seed of [3, 77, 1234]) {
      const first = await runSeed(seed);
      const again = await runSeed(seed, true);
      expect(again.digest).toBe(first.digest);
      expect(again.story.length).toBeGreaterThan(10);
    }
  });

  it('different seeds are different runs', async () => {
    const digests = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) digests.add((await runSeed(seed)).digest);
    expect(digests.size).toBe(50);
  });

  it('a failing plan is shrunk to what its fault needs', async () => {
    // A pool in which nothing may die: any death is a fault.
    const isFault = (deaths: number): readonly string[] => (deaths > 0 ? ['G0: a death'] : []);
    const plan = planOfSeed(8);
    const run = async (seed: number, _isLogged: boolean, tried: typeof plan): Promise<{ faults: readonly string[] }> => {
      const { deaths } = await runSeed(seed, false, { ...tried, actions: tried.actions.filter((action) => action.do !== 'killWorker') });
      return { faults: isFault(deaths) };
    };
    const { plan: shrunk, tries } = await shrink(8, plan, 'G0: a death', run);
    expect((await run(8, false, shrunk)).faults).toEqual(['G0: a death']);
    expect(shrunk.actions.length).toBeLessThan(plan.actions.length / 4);
    expect(tries).toBeLessThanOrEqual(600);
  });
});
