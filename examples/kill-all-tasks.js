/** Kill every task, running and queued; the pool goes on. */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
try {
  const tasks = Array.from({ length: 100 }, () => pool.run('compute', [60_000]));
  await Promise.all(tasks.slice(0, 2).map((task) => task.started));
  const ended = await pool.killTasks({ reason: 'all of them' });
  const outcomes = await Promise.allSettled(tasks);
  console.log(`killed ${ended} tasks; ${outcomes.filter((outcome) => outcome.status === 'rejected').length} rejected`);
  assert.equal(ended, 100);
  assert.equal(await pool.run('add', [1, 2]), 3);
  console.log('the pool still works: 1 + 2 = 3');
} finally {
  await pool.close();
}
