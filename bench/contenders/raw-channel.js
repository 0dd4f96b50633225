/**
 * The limit of a private channel: frames on two extra descriptors, written once a turn, without the
 * guarantees of a pool. The variant is the kind of payload: `bytes`, read into one target again and
 * again; `owned`, each in memory of its own, as a pool must deliver them; `json`, objects through
 * JSON.stringify and JSON.parse.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { codecs, Outbox, readFrames, taskNames } from './frames.js';
import { overWorkers } from './over-workers.js';

const file = fileURLToPath(new URL('./workers/raw-channel.js', import.meta.url));

export function open({ size, variant = 'bytes' }) {
  const { encode, decode, isOwned } = codecs[variant];
  return overWorkers(size, (settle) => {
    const child = spawn(process.execPath, [file, variant], { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] });
    const [, , , toChild, fromChild] = child.stdio;
    const outbox = new Outbox();
    // A socket made by `spawn` takes no `onread`, so another one takes over its handle.
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
