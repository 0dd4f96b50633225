/** everpool with its default options; the variants are for the row of reliability. */
import { Pool } from 'everpool';

const module = new URL('../tasks.js', import.meta.url);
const retries = { task: { retries: 100 } };
const variants = {
  retries,
  // Deaths while a worker boots count as its own fault, and open the breaker: who kills workers as they boot has to say so.
  'killed while booting': { ...retries, restart: { intensity: 1e6, backoff: { initialMs: 1, maxMs: 1 } } },
};

export function open({ size, variant }) {
  const pool = new Pool({ module, size, ...variants[variant] });
  return { pool, run: (name, argument) => (argument === undefined ? pool.run(name) : pool.run(name, [argument])) };
}
