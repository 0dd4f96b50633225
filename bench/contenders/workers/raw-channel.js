import { writeSync } from 'node:fs';
import * as tasks from '../../tasks.js';
import { Outbox, readFrames, taskNames } from '../frames.js';

const FROM_PARENT = 3;
const TO_PARENT = 4;
const functions = { ...tasks };
const outbox = new Outbox();

function writeAll(bytes) {
  for (let at = 0; at < bytes.length; ) at += writeSync(TO_PARENT, bytes, at);
}

const flush = () => writeAll(outbox.take());

readFrames(
  { fd: FROM_PARENT },
  (id, task, payload) => {
    const result = functions[taskNames[task]](payload);
    outbox.add(result?.length ?? 0, id, task);
    if (result === undefined) return;
    flush();
    writeAll(result);
  },
  flush,
);
