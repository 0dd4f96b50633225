/** Kill one running task; its neighbours do not notice. */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
try {
  const stuck = pool.run('compute', [60_000]);
  const polite = pool.run('computeUntilAborted');
  const others = Array.from({ length: 20 }, (_, index) => pool.run('add', [index, 1]));
  await Promise.all([stuck.started, polite.started]);
  await Promise.all([stuck.kill('stuck'), polite.cancel('thank you')]);
  const errors = await Promise.all([stuck, polite].map((task) => task.then(undefined, (error) => error)));
  console.log(`the stuck one: ${errors[0].name}, forced: ${errors[0].forced}`);
  console.log(`the polite one: ${errors[1].name}, forced: ${errors[1].forced}`);
  assert.deepEqual(
    errors.map((error) => error.forced),
    [true, false],
  );
  assert.deepEqual(
    await Promise.all(others),
    others.map((_, index) => index + 1),
  );
  console.log('the 20 others completed; the pool still works');
} finally {
  await pool.close();
}
