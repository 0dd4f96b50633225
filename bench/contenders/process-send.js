/** The limit of Node's own channel: `fork` and `process.send`, without a pool's guarantees. The variant is the serialization. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { overLanes } from './lanes.js';

const file = fileURLToPath(new URL('./workers/process-send.js', import.meta.url));

export function open({ size, variant }) {
  return overLanes(size, (settle) => {
    const child = fork(file, { serialization: variant });
    child.on('message', ([id, result]) => settle(id, result));
    return (id, name, argument) => child.send([id, name, argument]);
  });
}
