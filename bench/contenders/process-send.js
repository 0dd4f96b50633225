/**
 * The limit of Node's own channel: `fork` and `process.send`, without the guarantees of a pool. The
 * variant is the serialization.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { overWorkers } from './over-workers.js';

const file = fileURLToPath(new URL('./workers/process-send.js', import.meta.url));

export function open({ size, variant }) {
  return overWorkers(size, (settle) => {
    const child = fork(file, { serialization: variant });
    child.on('message', ([id, result]) => settle(id, result));
    return (id, name, argument) => child.send([id, name, argument]);
  });
}
