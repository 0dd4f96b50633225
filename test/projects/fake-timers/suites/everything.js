/** What a pool does while the timers of its program are fake, and when they are real again: the same for every test runner. */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

/** `fake` makes all timers fake that the runner can, `real` undoes it. */
export async function everything(fake, real) {
  const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2, stderr: 'ignore' });
  const use = async () => {
    assert.equal(await pool.run('add', [1, 2]), 3);
    assert.equal(await pool.run('nap', [5]), 'slept');
    assert.deepEqual(await pool.map('nap', [1, 2, 3]), ['slept', 'slept', 'slept']);
    await assert.rejects(pool.run('spin', [], { timeoutMs: 50 }), { code: 'ERR_EVERPOOL_TIMEOUT' });
    await assert.rejects(pool.run('die'), { code: 'ERR_EVERPOOL_WORKER_DIED' });
    const cancelled = pool.run('spin');
    const rejected = assert.rejects(cancelled, { code: 'ERR_EVERPOOL_CANCELLED' });
    await cancelled.started;
    await cancelled.kill();
    await rejected;
    await pool.idle();
  };
  fake();
  try {
    await use();
    const second = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 1 });
    assert.equal(await second.run('add', [2, 2]), 4);
    await second.close();
  } finally {
    real();
  }
  await use();
  fake();
  try {
    await pool.close();
  } finally {
    real();
  }
}
