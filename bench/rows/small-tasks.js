/** The cost of a task that does nothing. */
import { processPeers, rawSends, threadPeers } from '../contenders/index.js';
import { closedLoop, quantile, repeat } from '../statistics.js';
import { callsOfTask, whyUncounted } from '../system-calls.js';
import { ratio, timesBestPeer, timesFastestPeer } from './goals.js';

const everyone = ['everpool', ...processPeers, ...threadPeers, ...rawSends, 'raw-channel'];

const ONE_RETRY = { crash: 1 };
const titled = (text, retries) => (retries === undefined ? text : `${text}; everpool with retries: { crash: 1 }`);

const inFlightRow = (id, retries, goals) => ({
  id,
  title: titled('run() of a no-op, 512 in flight', retries),
  unit: 'tasks/s',
  entries: everyone,
  goals,
  async measure({ open, isQuick }) {
    const { run } = open({ retries });
    const call = () => run('noop');
    await closedLoop(call, 512, isQuick ? 300 : 1000);
    return { value: await closedLoop(call, 512, isQuick ? 400 : 1500) };
  },
});

const burstRow = (id, retries, goals) => ({
  id,
  title: titled('run() of a no-op, 50,000 at once (10,000 with --quick)', retries),
  unit: 'tasks/s',
  entries: everyone,
  goals,
  async measure({ open, isQuick }) {
    const { run } = open({ retries });
    const count = isQuick ? 10_000 : 50_000;
    const batch = () => Promise.all(Array.from({ length: count }, () => run('noop')));
    await repeat(batch, isQuick ? 200 : 1000);
    const { calls, ms } = await repeat(batch, isQuick ? 300 : 1500);
    return { value: ((calls * count) / ms) * 1000 };
  },
});

const timesPiscina = { text: '≥ 3 × piscina', ratio: ratio('everpool', 'piscina'), atLeast: 3 };
export const inFlight = inFlightRow('P1', undefined, [timesBestPeer(1.6), timesPiscina]);
export const inFlightRetried = inFlightRow('P1r', ONE_RETRY, [timesBestPeer(2.5)]);
export const burst = burstRow('P2', undefined, [timesBestPeer(3)]);
export const burstRetried = burstRow('P2r', ONE_RETRY, [timesBestPeer(4)]);

const retriesOf = { 'default options': undefined, 'retries: { crash: 1 }': ONE_RETRY };
const [usual, retried] = Object.keys(retriesOf);

/** Not of the peers: the kernel does not count the `recvmsg` and `sendmsg` of Node's own channel. */
export const systemCalls = {
  id: 'P1 calls',
  title: 'reads and writes a task, in a worker and in the parent: run() of a no-op, 512 in flight, one worker',
  unit: 'in a worker',
  digits: 2,
  entries: Object.keys(retriesOf),
  extra: { parent: '' },
  extraDigits: { parent: 2 },
  goals: [
    { text: 'by default ≤ 2', ratio: (medians) => medians[usual], atMost: 2 },
    { text: 'with a retry ≤ 0.25', ratio: (medians) => medians[retried], atMost: 0.25 },
  ],
  async measure({ entry, isQuick }) {
    if (whyUncounted !== undefined) throw new Error(whyUncounted);
    const { open } = await import('../contenders/everpool.js');
    const { pool } = open({ size: 1, retries: retriesOf[entry] });
    const { worker, parent } = await callsOfTask(pool, { rounds: isQuick ? 5 : 10 });
    return { value: worker, parent };
  },
};

export const roundTrip = {
  id: 'P4',
  title: 'one no-op at a time, p50',
  unit: 'µs',
  digits: 1,
  entries: everyone,
  extra: { p99: 'µs' },
  goals: [{ text: '≤ 1.15 × the raw channel', ratio: ratio('everpool', 'raw-channel'), atMost: 1.15 }, timesFastestPeer(1)],
  async measure({ open, isQuick }) {
    const { run } = open();
    const samples = [];
    const call = async () => {
      const start = performance.now();
      await run('noop');
      samples.push((performance.now() - start) * 1000);
    };
    await repeat(call, isQuick ? 200 : 1000, 500);
    samples.length = 0;
    await repeat(call, isQuick ? 200 : 500, isQuick ? 1000 : 5000);
    return { value: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
  },
};

export const coldStart = {
  id: 'P10',
  title: 'cold start: from the constructor of the pool to its first result',
  unit: 'ms',
  digits: 1,
  entries: ['everpool', ...processPeers],
  samples: 3,
  goals: [timesFastestPeer(1.15)],
  async measure({ open }) {
    const start = performance.now();
    await open().run('noop');
    return { value: performance.now() - start };
  },
};
