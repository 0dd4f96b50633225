/** P5, P6, P6b: the cost of bytes and of objects, and real work for scale. */
import { randomFillSync } from 'node:crypto';
import { processPeers, rawSends, threadPeers } from '../contenders/index.js';
import { javascriptSources, jsonRecords } from '../records.js';
import { closedLoop, repeat } from '../statistics.js';
import { ratio } from './goals.js';

const MIB = 1024 * 1024;
const IN_FLIGHT = 64;

function verify(result, sent) {
  const places = [0, sent.length >> 1, sent.length - 1];
  if (result?.length !== sent.length || places.some((place) => result[place] !== sent[place])) {
    throw new Error('Other bytes came back than were sent.');
  }
}

const bufferEcho = (mib) => ({
  id: `P5 ${mib} MiB`,
  title: `echo of a Buffer of ${mib} MiB, one at a time, both ways counted`,
  unit: 'MB/s',
  entries: ['everpool', ...processPeers, ...threadPeers, 'process-send:advanced', 'raw-channel', 'raw-channel:owned'],
  quickEntries: ['everpool', 'jest-worker', 'process-send:advanced', 'raw-channel', 'raw-channel:owned'],
  limitS: 30,
  goals: [
    { text: '≥ 0.9 × the raw channel, owned', ratio: ratio('everpool', 'raw-channel:owned'), atLeast: 0.9 },
    { text: '≥ 2 × jest-worker', ratio: ratio('everpool', 'jest-worker'), atLeast: 2 },
  ],
  async measure({ open, isQuick }) {
    const { run } = open({ isBinary: true });
    const buffer = randomFillSync(Buffer.allocUnsafeSlow(mib * MIB));
    verify(await run('echo', buffer), buffer);
    const echo = () => run('echo', buffer);
    // By time alone there would be too few calls of 16 MiB for the compiler to compile anything.
    await repeat(echo, isQuick ? 200 : 3000);
    const { calls, ms } = await repeat(echo, isQuick ? 500 : 1500);
    return { value: (calls * 2 * buffer.length) / 1e6 / (ms / 1000) };
  },
});

export const buffers = [1, 16, 128].map(bufferEcho);

/** Runs `task` with each of the arguments in turn, repeatedly; returns the tasks per second. */
async function throughput({ open, isQuick }, task, list) {
  const { run } = open();
  let next = 0;
  const call = () => run(task, list[next++ % list.length]);
  await closedLoop(call, IN_FLIGHT, isQuick ? 300 : 1000);
  return { value: await closedLoop(call, IN_FLIGHT, isQuick ? 400 : 1500) };
}

export const records = {
  id: 'P6',
  title: `echo of real JSON records of about 10 KB, ${IN_FLIGHT} in flight`,
  unit: 'records/s',
  entries: ['everpool', ...processPeers, 'jest-worker:advanced', ...threadPeers, ...rawSends, 'raw-channel:json'],
  goals: [
    { text: '≥ 1 × worker-farm, which loses types', ratio: ratio('everpool', 'worker-farm'), atLeast: 1 },
    { text: '≥ 1.5 × jest-worker, advanced', ratio: ratio('everpool', 'jest-worker:advanced'), atLeast: 1.5 },
    { text: '≥ 0.9 × process.send, advanced', ratio: ratio('everpool', 'process-send:advanced'), atLeast: 0.9 },
  ],
  measure: (context) => throughput(context, 'echo', jsonRecords()),
};

export const parsing = {
  id: 'P6b',
  title: `real work for scale: JavaScript files of 5 to 60 KB parsed with acorn, ${IN_FLIGHT} in flight`,
  unit: 'files/s',
  entries: ['everpool', ...processPeers, ...threadPeers],
  goals: [],
  measure: (context) => throughput(context, 'countNodes', javascriptSources()),
};
