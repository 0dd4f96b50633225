/** everpool with its default options. The variants are for the reliability row. */
import { Pool } from 'everpool';

const module = new URL('../tasks.js', import.meta.url);
const retries = { task: { retries: 100 } };
const variants = {
  retries,
  // Deaths in a boot are charged and would break the pool, so a test that kills booting workers
  // raises the limit.
  'killed while booting': { ...retries, restart: { intensity: 1e6, backoff: { initialMs: 1, maxMs: 1 } } },
};

export function open({ size, variant }) {
  const pool = new Pool({ module, size, ...variants[variant] });
  return { pool, run: (name, argument) => (argument === undefined ? pool.run(name) : pool.run(name, [argument])) };
}
