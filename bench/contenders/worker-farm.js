/**
 * worker-farm. `isBinary`: its JSON turns Buffers into objects of numbers, so they use the other
 * serialization of `fork`.
 */
import { fileURLToPath } from 'node:url';
import workerFarm from 'worker-farm';
import * as tasks from '../tasks.js';

const module = fileURLToPath(new URL('./workers/worker-farm.cjs', import.meta.url));

const fast = { maxConcurrentCallsPerWorker: 100 };

export function open({ size, isBinary, tuning = fast }) {
  const farm = workerFarm(
    {
      maxConcurrentWorkers: size,
      autoStart: true,
      ...(isBinary && { workerOptions: { serialization: 'advanced' } }),
      ...tuning,
    },
    module,
    Object.keys(tasks),
  );
  return {
    run: (name, argument) =>
      new Promise((resolve, reject) => {
        farm[name](argument, (error, result) => (error ? reject(error) : resolve(result)));
      }),
  };
}
