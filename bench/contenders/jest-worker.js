/**
 * jest-worker with processes. JSON is faster than its `advanced` serialization, except for Buffers.
 * The variant `advanced` keeps types, as everpool does.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from 'jest-worker';
import * as tasks from '../tasks.js';

export function open({ size, isBinary, variant }) {
  const worker = new Worker(fileURLToPath(new URL('../tasks.js', import.meta.url)), {
    numWorkers: size,
    enableWorkerThreads: false,
    exposedMethods: Object.keys(tasks),
    ...(!isBinary && variant !== 'advanced' && { forkOptions: { serialization: 'json' } }),
  });
  return { run: (name, argument) => worker[name](argument) };
}
