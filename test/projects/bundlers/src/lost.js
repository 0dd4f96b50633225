// A program whose task module was not built.
import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./lost-tasks.js', import.meta.url), size: 2, stderr: 'ignore' });
let spawned = 0;
pool.on('workerSpawned', () => spawned++);
const error = await pool.run('add', [1, 2]).catch((reason) => reason);
console.log(JSON.stringify({ spawned: spawned <= 2, code: error.code, namesFile: error.message.includes('lost-tasks.js') }));
await pool.kill();
