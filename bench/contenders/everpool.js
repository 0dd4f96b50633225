/** everpool with its default options, or with retries. The variants are for the reliability row. */
import { Pool } from 'everpool';

const module = new URL('../tasks.js', import.meta.url);
const often = { task: { retries: 100 } };
const variants = {
  retries: often,
  // Deaths in a boot are charged and would break the pool, so a test that kills booting workers
  // raises the limit.
  'killed while booting': { ...often, restart: { intensity: 1e6, backoff: { initialMs: 1, maxMs: 1 } } },
};

export function open({ size, variant, retries }) {
  const pool = new Pool({ module, size, ...(retries && { task: { retries } }), ...variants[variant] });
  return { pool, run: (name, argument) => (argument === undefined ? pool.run(name) : pool.run(name, [argument])) };
}
