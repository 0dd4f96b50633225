/** The client of a cluster over a simulated store and hosts, in virtual time: what it guarantees must hold in each seed. */
import { expect, it } from 'vitest';
import { runClusterSeed } from './run-cluster-seed.js';

const SEEDS = process.env['EVERPOOL_SIMULATION'] === 'long' ? 3000 : 60;

it(`${SEEDS} seeds of a cluster: every guarantee holds`, async () => {
  const total = { tasks: 0, deaths: 0 };
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { faults, tasks, deaths } = await runClusterSeed(seed);
    expect(faults, `replay it with: npm run sim:cluster -- --seed ${seed}`).toEqual([]);
    total.tasks += tasks;
    total.deaths += deaths;
  }
  // Seeds in which nothing happens would prove nothing.
  expect(total.tasks).toBeGreaterThan(50 * SEEDS);
  expect(total.deaths).toBeGreaterThan(SEEDS / 4);
});

it('a seed always replays the same run', async () => {
  const { tasks, starts, virtualMs } = await runClusterSeed(7);
  expect(await runClusterSeed(7)).toMatchObject({ tasks, starts, virtualMs });
});
