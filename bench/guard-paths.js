/**
 * The guarded paths of a task (guard.js). Each is prepared once, and then does its work `count`
 * times on request.
 *
 * The parent's paths run on a simulated platform in virtual time, the worker's on a platform that
 * discards all output, so each run does exactly the same.
 */
import { encode } from '../dist/ipc/codec/codec.js';
import { Flag, FrameType, HEADER_BYTES } from '../dist/ipc/frame.js';
import { FrameWriter } from '../dist/ipc/frame-writer.js';
import { Runner } from '../dist/worker/runner.js';
import { simulatedPool, TASK, VirtualClock } from './platform.js';

const IN_FLIGHT = 512;
const CHUNK = 1000;
const noop = () => undefined;

const parentPool = () => simulatedPool({ size: 2 }, new VirtualClock());

/** One task follows the other, 512 at a time. */
async function inFlight() {
  const pool = await parentPool();
  return (count) =>
    new Promise((resolve) => {
      let left = count;
      let open = IN_FLIGHT;
      const next = () => {
        if (left > 0) {
          left -= 1;
          pool.run(TASK, [left]).then(next);
        } else {
          open -= 1;
          if (open === 0) resolve();
        }
      };
      for (let index = 0; index < IN_FLIGHT; index += 1) next();
    });
}

async function atOnce() {
  const pool = await parentPool();
  return async (count) => {
    const tasks = [];
    for (let index = 0; index < count; index += 1) tasks.push(pool.run(TASK, [index]));
    for (const task of tasks) await task;
  };
}

async function mapped() {
  const pool = await parentPool();
  return async (count) => {
    let taken = 0;
    for await (const _ of pool.map(TASK, Array(count).keys(), { retries: 1, chunkSize: CHUNK })) taken += 1;
    if (taken !== count) throw new Error(`${taken} items of ${count}`);
  };
}

/** A booted runner, and bytes that it can be given again and again. */
async function runner(frames) {
  let now = 1000;
  let claimed = 0;
  const platform = {
    now: () => {
      now += 0.0005;
      return now;
    },
    controlFile: { claim: () => ++claimed, startItems: noop, abortKind: noop },
    send: noop,
    exit: noop,
    load: async () => ({ [TASK]: noop }),
    compile: noop,
  };
  const worker = new Runner(platform);
  const writer = new FrameWriter();
  const bytesOf = (add) => {
    add();
    const bytes = Buffer.concat(writer.take());
    writer.renew();
    return bytes;
  };
  const add = (header, value) => {
    const { codec, body, attachments } = encode(value);
    writer.add({ ...header, codec }, body, attachments);
  };
  const boot = { module: undefined, workerData: undefined, name: 'guard', concurrency: 1 };
  worker.receive(bytesOf(() => add({ type: FrameType.Boot, a: 1 }, boot)));
  worker.receive(bytesOf(() => add({ type: FrameType.Define, a: 1 }, TASK)));
  await new Promise(setImmediate);
  const bytes = bytesOf(() => frames((header, args) => add({ type: FrameType.Run, a: 1, b: 1, ...header }, args)));
  const starts = [];
  for (let at = 0; at < bytes.length; at += HEADER_BYTES + bytes.readUInt32LE(at + 4)) starts.push(at);
  return (rounds) => {
    for (let round = 0; round < rounds; round += 1) {
      // Attempts are numbered without an end.
      for (let index = 0; index < starts.length; index += 1) bytes.writeDoubleLE(claimed + index + 1, starts[index] + 8);
      worker.receive(bytes);
    }
  };
}

async function workerRun() {
  const feed = await runner((run) => {
    for (let seq = 1; seq <= IN_FLIGHT; seq += 1) run({ seq, time: seq }, [seq]);
  });
  return async (count) => feed(count / IN_FLIGHT);
}

async function workerChunk() {
  const items = Array.from({ length: CHUNK }, (_, index) => [index]);
  const feed = await runner((run) => run({ seq: 1, time: 1, flags: Flag.Chunk }, items));
  return async (count) => feed(count / CHUNK);
}

/** By name: the function that prepares the path, and the number of repetitions. */
export const paths = {
  'run, 512 in flight': { prepare: inFlight, count: 20_480 },
  'run, 50,000 at once': { prepare: atOnce, count: 50_000 },
  'map in chunks, per item': { prepare: mapped, count: 50_000 },
  'worker, run': { prepare: workerRun, count: 20_480 },
  'worker, chunk, per item': { prepare: workerChunk, count: 100_000 },
};
