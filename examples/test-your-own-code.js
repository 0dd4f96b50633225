/**
 * A program that uses a pool, and two tests of it: without any process, and while its workers are
 * killed at random.
 */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';
import { chaos, InlinePool } from 'everpool/testing';

/**
 * The program: the sums of many pairs. Its task may be run twice, so it is retried when its worker
 * dies.
 */
const sums = (pool, pairs) => pool.starmap('add', pairs, { retries: 100 });

const module = new URL('./tasks.js', import.meta.url);
const pairs = Array.from({ length: 5000 }, (_, index) => [index, 1]);
const expected = pairs.map((_, index) => index + 1);

// Is it right? Runs in this process, so that a debugger and a coverage tool see the tasks too.
const inline = new InlinePool({ module });
try {
  assert.deepEqual(await sums(inline, pairs), expected);
  console.log('right, without any process');
} finally {
  await inline.close();
}

// Does it survive killed workers? Kills in a boot are charged to the restart intensity, so allow
// many.
const pool = new Pool({ module, size: 2, restart: { intensity: 1000, backoff: { initialMs: 1, maxMs: 10 } } });
try {
  await pool.ready();
  const monkey = chaos(pool, { everyMs: { min: 5, max: 50 }, faults: { kill: 3, stop: 1, exit: 1 }, max: 15 });
  while (monkey.faults < 15) {
    const results = await sums(pool, pairs);
    assert.deepEqual(results, expected, JSON.stringify(monkey.report())); // the report has the seed, which replays the same choices
  }
  await monkey.stop();
  console.log(`right, under ${monkey.faults} faults and ${pool.stats().deaths} deaths`);
} finally {
  await pool.close();
}
