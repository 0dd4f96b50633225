import { Pool } from 'everpool';

const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 1, workerData: { from: 'main' } });
const sum = await pool.run('add', [1, 2]);
console.log(JSON.stringify({ sum, ...(await pool.run('look')) }));
await pool.close();
