/** tinypool with processes. */
import { Tinypool } from 'tinypool';

const fast = { concurrentTasksPerWorker: 10 };

export function open({ size, isBinary, tuning = fast }) {
  const pool = new Tinypool({
    filename: new URL('../tasks.js', import.meta.url).href,
    runtime: 'child_process',
    minThreads: size,
    maxThreads: size,
    ...(isBinary && { serialization: 'advanced' }),
    ...tuning,
  });
  return { run: (name, argument) => pool.run(argument, { name }) };
}
