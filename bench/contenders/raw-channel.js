/**
 * The limit of a channel of one's own: frames on two extra descriptors, written once a turn, without a pool's guarantees.
 * The variants say what its payloads are: `bytes`, read into one target again and again; `owned`, each in memory of its own, as a pool
 * has to give them; `json`, what JSON.stringify and JSON.parse make of objects, and nothing else.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { codecs, Outbox, readFrames, taskNames } from './frames.js';
import { overLanes } from './lanes.js';

const file = fileURLToPath(new URL('./workers/raw-channel.js', import.meta.url));

export function open({ size, variant = 'bytes' }) {
  const { encode, decode, isOwned } = codecs[variant];
  return overLanes(size, (settle) => {
    const child = spawn(process.execPath, [file, variant], { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] });
    const [, , , toChild, fromChild] = child.stdio;
    const outbox = new Outbox();
    // A socket that `spawn` made takes no `onread`: another one takes over its handle.
    readFrames({ handle: fromChild._handle, isOwned }, (id, _task, payload) => settle(id, decode(payload)));
    const flush = () => {
      if (!outbox.isEmpty) toChild.write(Buffer.from(outbox.take()));
    };
    return (id, name, argument) => {
      const payload = encode(argument);
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
