/**
 * Counts the reads and writes that one task costs a real worker, in a process that guard.js starts:
 * `node guard-calls.js <retries> <the most that is within budget>` prints them as JSON.
 */
import { Pool } from '../dist/index.js';
import { callsOfTask } from './system-calls.js';

const ROUNDS = 40;

const [retries, enough] = process.argv.slice(2).map(Number);
const pool = new Pool({ module: new URL('./tasks.js', import.meta.url), size: 1, task: { retries: { crash: retries } } });
const { worker } = await callsOfTask(pool, { rounds: ROUNDS, enough });
await pool.close();
console.log(JSON.stringify({ systemCalls: worker }));
