// A bundle whose workers may read nothing but their task module.
import { Pool } from 'everpool';

const pool = new Pool({
  module: new URL('./tasks.js', import.meta.url),
  size: 1,
  permission: {},
  workerData: {},
  cwd: '/',
  stderr: 'pipe',
});
const sum = await pool.run('add', [1, 2]);
const denied = await pool.exec(() => process.getBuiltinModule('fs').readFileSync('/etc/hostname')).catch((error) => error.code);
console.log(JSON.stringify({ sum, denied }));
await pool.kill();
