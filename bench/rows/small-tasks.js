/** The cost of a task that does nothing. */
import { processPeers, rawSends, threadPeers } from '../contenders/index.js';
import { closedLoop, quantile, repeat } from '../statistics.js';
import { ratio, timesBestPeer, timesFastestPeer } from './goals.js';

const everyone = ['everpool', ...processPeers, ...threadPeers, ...rawSends, 'raw-channel'];

export const inFlight = {
  id: 'P1',
  title: 'run() of a no-op, 512 in flight',
  unit: 'tasks/s',
  entries: everyone,
  goals: [timesBestPeer(2), { text: '≥ 3 × piscina', ratio: ratio('everpool', 'piscina'), atLeast: 3 }],
  async measure({ open, isQuick }) {
    const { run } = open();
    const call = () => run('noop');
    await closedLoop(call, 512, isQuick ? 300 : 1000);
    return { value: await closedLoop(call, 512, isQuick ? 400 : 1500) };
  },
};

export const burst = {
  id: 'P2',
  title: 'run() of a no-op, 50,000 at once (10,000 with --quick)',
  unit: 'tasks/s',
  entries: everyone,
  goals: [timesBestPeer(4)],
  async measure({ open, isQuick }) {
    const { run } = open();
    const count = isQuick ? 10_000 : 50_000;
    const batch = () => Promise.all(Array.from({ length: count }, () => run('noop')));
    await repeat(batch, isQuick ? 200 : 1000);
    const { calls, ms } = await repeat(batch, isQuick ? 300 : 1500);
    return { value: ((calls * count) / ms) * 1000 };
  },
};

export const roundTrip = {
  id: 'P4',
  title: 'one no-op at a time, p50',
  unit: 'µs',
  digits: 1,
  entries: everyone,
  extra: { p99: 'µs' },
  goals: [{ text: '≤ 1.25 × the raw channel', ratio: ratio('everpool', 'raw-channel'), atMost: 1.25 }, timesFastestPeer(1)],
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
  goals: [timesFastestPeer(1.1)],
  async measure({ open }) {
    const start = performance.now();
    await open().run('noop');
    return { value: performance.now() - start };
  },
};
