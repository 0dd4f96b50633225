/** The start that the README shows. */
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
try {
  console.log('2 + 3 =', await pool.run('add', [2, 3]));
  console.log('a list:', await pool.map('compute', [10, 20, 30]));

  const task = pool.run('compute', [60_000]);
  await task.started;
  await task.kill('it takes too long'); // its process has ended, and the pool goes on
  await task.catch((error) => console.log(error.name, error.reason));

  console.log('still works:', await pool.run('add', [20, 22]));
} finally {
  await pool.close();
}
