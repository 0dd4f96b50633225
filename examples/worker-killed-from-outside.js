/**
 * An idle worker is SIGKILLed from outside while the only other one holds work. A pool whose
 * workers share a queue behind a lock (as Python's multiprocessing.Pool does) can hang here for
 * ever: the dead worker held the lock. Here the workers share nothing.
 */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
try {
  await pool.ready();
  const long = pool.run('compute', [500]);
  await long.started;
  const idle = pool.workers().find((worker) => worker.state === 'idle');
  assert(idle?.pid !== undefined);
  process.kill(idle.pid, 'SIGKILL');
  console.log(`worker ${idle.id} (pid ${idle.pid}) was killed while worker ${(await long.started).workerId} was busy`);
  const results = await Promise.all(Array.from({ length: 10 }, (_, index) => pool.run('add', [index, index])));
  assert.deepEqual(
    results,
    results.map((_, index) => 2 * index),
  );
  assert.equal(await long, 500);
  await pool.ready();
  console.log(`all 10 tasks and the long one completed; ${pool.workers().length} workers are there again`);
} finally {
  await pool.close();
}
