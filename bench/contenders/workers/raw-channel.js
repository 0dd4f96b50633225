import { writeSync } from 'node:fs';
import * as tasks from '../../tasks.js';
import { codecs, Outbox, readFrames, taskNames } from '../frames.js';

const FROM_PARENT = 3;
const TO_PARENT = 4;
const functions = { ...tasks };
const { encode, decode, isOwned } = codecs[process.argv[2]];
const outbox = new Outbox();

function writeAll(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(TO_PARENT, bytes, at);
}

const flush = () => writeAll(outbox.take());

readFrames(
  { fd: FROM_PARENT, isOwned },
  (id, task, payload) => {
    const result = encode(functions[taskNames[task]](decode(payload)));
    outbox.add(result?.length ?? 0, id, task);
    if (result === undefined) return;
    flush();
    writeAll(result);
  },
  flush,
);
