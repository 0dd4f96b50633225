/**
 * Three batches share the workers; two of them are killed, by handle and by tag, and the third
 * completes.
 */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
try {
  const first = pool.map('compute', Array(50).fill(60_000));
  const second = pool.map('compute', Array(50).fill(60_000), { tag: 'second', onError: 'continue' });
  const third = pool.map('compute', Array(20).fill(5));
  const killed = [first.then(undefined, (error) => error.name), second.then(undefined, (error) => error.name)];
  await first.kill('no longer wanted');
  console.log('the first batch:', await killed[0]);
  await second.kill('nor this one');
  console.log('the second batch:', await killed[1]);
  const results = await third;
  assert.equal(results.length, 20);
  console.log(`the third batch: all ${results.length} results`);
  assert.equal(await pool.run('add', [1, 2]), 3);
  console.log('the pool still works: 1 + 2 = 3');
} finally {
  await pool.close();
}
