/** The limit of a channel of one's own: frames on two extra descriptors, written once a turn, without a pool's guarantees. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Outbox, readFrames, taskNames } from './frames.js';
import { overLanes } from './lanes.js';

const file = fileURLToPath(new URL('./workers/raw-channel.js', import.meta.url));

export function open({ size }) {
  return overLanes(size, (settle) => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] });
    const [, , , toChild, fromChild] = child.stdio;
    const outbox = new Outbox();
    // A socket that `spawn` made takes no `onread`: another one takes over its handle.
    readFrames({ handle: fromChild._handle }, (id, _task, payload) => settle(id, payload));
    const flush = () => {
      if (!outbox.isEmpty) toChild.write(Buffer.from(outbox.take()));
    };
    return (id, name, payload) => {
      if (outbox.isEmpty) process.nextTick(flush);
      outbox.add(payload?.length ?? 0, id, taskNames.indexOf(name));
      if (payload === undefined) return;
      toChild.cork();
      flush();
      toChild.write(payload);
      toChild.uncork();
    };
  });
}
