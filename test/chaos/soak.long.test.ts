/** Many respawns: memory and descriptors stay flat (G9, G12). */
import { readdirSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { expectUsable, newPool, rejection, useKit } from '../kit/pools.js';

/** `npm run test:chaos` does five thousand, `npm run test:long` two hundred. */
const RESPAWNS = process.env['EVERPOOL_CHAOS'] === 'long' ? 5000 : 200;

setFlagsFromString('--expose-gc');
const gc: () => void = runInNewContext('gc');

function measured(): { heapBytes: number; descriptors: number } {
  gc();
  gc();
  return { heapBytes: process.memoryUsage().heapUsed, descriptors: readdirSync('/proc/self/fd').length };
}

describe('soak', () => {
  useKit();

  test(`${RESPAWNS} real respawns: memory and descriptors stay flat`, { timeout: RESPAWNS * 1000 }, async () => {
    const pool = newPool({ size: 2 });
    const die = async (times: number): Promise<void> => {
      for (let index = 0; index < times / 2; index += 1) await Promise.all([0, 1].map(() => rejection(pool.run('exit', [0]))));
      await pool.ready();
    };
    await die(RESPAWNS / 5);
    const early = measured();
    await die((4 * RESPAWNS) / 5);
    const late = measured();
    expect(pool.stats().deaths).toBe(RESPAWNS);
    expect(late.descriptors).toBeLessThanOrEqual(early.descriptors + 2);
    expect(late.heapBytes / early.heapBytes).toBeLessThan(1.1);
    console.log(
      `${RESPAWNS} respawns: heap ${(early.heapBytes / 1e6).toFixed(1)} to ${(late.heapBytes / 1e6).toFixed(1)} MB, ${late.descriptors} descriptors`,
    );
    await expectUsable(pool);
  });
});
