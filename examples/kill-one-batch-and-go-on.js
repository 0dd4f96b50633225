/**
 * Two batches of the same function on the same workers: one is killed, the other completes, and the
 * pool takes a third.
 */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
try {
  const kept = pool.map('compute', Array(40).fill(5));
  const doomed = pool.map('compute', Array(40).fill(5));
  const error = doomed.then(undefined, (reason) => reason);
  await doomed.kill('changed my mind');
  console.log(`the killed batch: ${(await error).message}`);
  assert.equal((await kept).length, 40);
  console.log('the other batch: all 40 results');
  assert.equal((await pool.map('compute', Array(10).fill(1))).length, 10);
  console.log('a third batch on the same pool: all 10 results');
} finally {
  await pool.close();
}
