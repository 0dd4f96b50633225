/** workerpool with processes, all started together. */
import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';

export function open({ size, isBinary }) {
  const pool = workerpool.pool(fileURLToPath(new URL('./workers/workerpool.js', import.meta.url)), {
    workerType: 'process',
    minWorkers: size,
    maxWorkers: size,
    ...(isBinary && { forkOpts: { serialization: 'advanced' } }),
  });
  return { run: (name, argument) => pool.exec(name, [argument]) };
}
