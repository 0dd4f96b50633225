/** One pool with endless deaths and respawns keeps nothing of the dead. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { nodeJournals } from '../../src/pool/batch/node-journal-store.js';
import { Pool, platformOf } from '../../src/pool/pool.js';
import { Random } from '../../src/testing/random.js';
import { NO_FAULTS } from './fate.js';
import { Ledger } from './ledger.js';
import { SimSpawner } from './sim-spawner.js';
import { Story } from './story.js';
import type { SimModule } from './tasks.js';
import { World } from './world.js';

/** `npm run test:chaos` runs two hundred thousand tasks, `npm run test:long` a tenth of them. */
const DEATHS = process.env['EVERPOOL_CHAOS'] === 'long' ? 200_000 : 20_000;
const AT_ONCE = 16;

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

function heapBytes(): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

it(`${DEATHS} deaths leave the heap as it was`, { timeout: 900_000 }, async () => {
  const random = new Random(1);
  const world = new World(new Story(false), random, { callbackMs: 0, stallChance: 0, stallMs: 0, bootStallChance: 0 });
  const ledger = new Ledger(world, 1, 1);
  const spawner = new SimSpawner(world, ledger, random, NO_FAULTS, Number.POSITIVE_INFINITY);
  const real = platformOf.make;
  platformOf.make = () => ({ clock: world, spawner, journals: nodeJournals, random: () => random.next(), spawnConcurrency: 8 });
  const pool = new Pool<SimModule>({ module: 'file:///sim/tasks.js', size: 8 });
  platformOf.make = real;

  let left = DEATHS;
  const submit = (): void => {
    if (left === 0) return;
    left -= 1;
    const task = pool.run('exits', [0]);
    ledger.submitted(task.id, 'exits', 1, false);
    task.catch(() => {
      // The records of the simulation itself are not the pool's.
      ledger.tasks.delete(task.id);
      spawner.processes.length = 0;
      submit();
    });
  };
  for (let index = 0; index < AT_ONCE; index += 1) submit();

  // By then the cleared timers of the first boots have left the heap of the simulated clock.
  await world.run(() => pool.stats().deaths >= DEATHS / 2, Number.POSITIVE_INFINITY);
  const early = heapBytes();
  await world.run(() => pool.stats().deaths >= DEATHS - AT_ONCE, Number.POSITIVE_INFINITY);
  const late = heapBytes();
  expect(world.faults).toEqual([]);
  expect(pool.stats().spawned).toBeGreaterThanOrEqual(DEATHS - AT_ONCE);
  expect(late / early).toBeLessThan(1.1);
  console.log(`${pool.stats().deaths} deaths: heap ${(early / 1e6).toFixed(1)} MB after a half, ${(late / 1e6).toFixed(1)} MB at the end`);
  let isClosed = false;
  void pool.kill().then(() => {
    isClosed = true;
  });
  await world.run(() => isClosed, 60_000);
  expect(isClosed).toBe(true);
});
