/** piscina: threads, for scale. */
import { Piscina } from 'piscina';

const fast = { concurrentTasksPerWorker: 10 };

export function open({ size, tuning = fast }) {
  const pool = new Piscina({
    filename: new URL('../tasks.js', import.meta.url).href,
    minThreads: size,
    maxThreads: size,
    ...tuning,
  });
  return { run: (name, argument) => pool.run(argument, { name }) };
}
