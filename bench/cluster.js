/**
 * The cluster beside raw BullMQ, on Redis and PostgreSQL: `npm run bench:cluster [-- --quick] [--only Redis]`. The
 * contenders take turns on the same store in the same run, and the median of the rounds counts. No figure is asserted.
 * Prints a Markdown table, and writes all figures to bench/results.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Cluster } from '../dist/cluster/index.js';
import { rawEvents, rawQueue } from './cluster/raw.js';
import { startStores } from './cluster/stores.js';
import { environment, printHead } from './environment.js';
import { median, quantile, sleep } from './statistics.js';

const { values: options } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
const { quick: isQuick, only } = options;
const ROUNDS = isQuick ? 1 : 3;
const SLOTS = [2, 50];
const BULK = 500;
const COUNTS = { Redis: isQuick ? 1000 : 5000, PostgreSQL: isQuick ? 300 : 1500 };
const ONE_BY_ONE = isQuick ? 50 : 300;
/** BullMQ waits for an event, and on PostgreSQL some are lost: such a call does not count. */
const EVENT_LIMIT_MS = 2000;
const MOST_LOST = 20;
const IDLE_MS = isQuick ? 3000 : 20_000;
const LOCK = { lockMs: 3000, checkMs: 1000 };

const CHILD = new URL('./cluster/child.js', import.meta.url);
const children = new Set();
let names = 0;

const machine = environment();
printHead(machine);
const stores = await startStores(only === undefined ? ['Redis', 'PostgreSQL'] : [only]);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop().then(() => process.exit(1)));
const figures = {};
try {
  for (const [name, { connection }] of Object.entries(stores)) figures[name] = await measureStore(name, connection);
} finally {
  await stop();
}
print();
const folder = new URL('./results/', import.meta.url);
mkdirSync(folder, { recursive: true });
const date = new Date().toISOString();
const file = `cluster-${date.slice(0, 19).replaceAll(':', '-')}.json`;
writeFileSync(new URL(file, folder), `${JSON.stringify({ date, environment: machine, options, figures }, undefined, 2)}\n`);
console.log(`\nAll figures: bench/results/${file}`);

async function measureStore(store, connection) {
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = {};
    const measure = async (key, call) => {
      console.error(`${store}, round ${round + 1} of ${ROUNDS}: ${key}`);
      found[key] = await call();
    };
    for (const slots of SLOTS) {
      await measure(`raw ${slots}`, () => rawRate(connection, slots, COUNTS[store]));
      await measure(`cluster ${slots}`, () => clusterRate(connection, slots, COUNTS[store]));
    }
    await measure('raw one by one', () => rawOneByOne(connection));
    await measure('cluster one by one', () => clusterOneByOne(connection));
    await measure('recovery', () => recovery(connection));
    rounds.push(found);
  }
  const medians = {};
  for (const key of Object.keys(rounds[0]))
    medians[key] = Object.fromEntries(Object.keys(rounds[0][key]).map((of) => [of, median(rounds.map((round) => round[key][of]))]));
  return { rounds, medians: { ...medians, 'raw idle': await idle(connection, 'raw'), 'cluster idle': await idle(connection, 'host') } };
}

// ---- one measurement each, with a queue of its own

async function rawRate(connection, slots, count) {
  const name = newName();
  const worker = await start({ kind: 'raw', connection, name, slots });
  const queue = rawQueue(connection, name);
  await queue.waitUntilReady();
  const submit = async (jobs) => {
    for (let at = 0; at < jobs; at += BULK)
      await queue.addBulk(Array.from({ length: Math.min(BULK, jobs - at) }, () => ({ name: 'noop', data: {} })));
  };
  let wanted = Math.round(count / 10);
  await submit(wanted); // warm
  while ((await worker.ask()).done < wanted) await sleep(10);
  const from = { client: cpuUs(), worker: (await worker.ask()).cpuUs, at: performance.now() };
  wanted += count;
  await submit(count);
  let last = await worker.ask();
  for (; last.done < wanted; last = await worker.ask()) await sleep(20);
  const result = rateOf(from, count, last.cpuUs);
  await queue.close();
  await worker.end();
  return result;
}

async function clusterRate(connection, slots, count) {
  const name = newName();
  const host = await start({ kind: 'host', connection, name, slots });
  const cluster = new Cluster({ connection, name });
  await cluster.ready();
  const run = async (items) => {
    for await (const _ of cluster.map(
      'noop',
      Array.from({ length: items }, (_, index) => index),
      { ordered: false },
    ));
  };
  await run(Math.round(count / 10));
  const from = { client: cpuUs(), worker: (await host.ask()).cpuUs, at: performance.now() };
  await run(count);
  const result = rateOf(from, count, (await host.ask()).cpuUs);
  await cluster.close();
  await host.end();
  return result;
}

function rateOf({ client, worker, at }, count, workerNow) {
  return {
    perSecond: (count / (performance.now() - at)) * 1000,
    clientUs: (cpuUs() - client) / count,
    hostUs: (workerNow - worker) / count,
  };
}

async function rawOneByOne(connection) {
  const name = newName();
  const worker = await start({ kind: 'raw', connection, name, slots: 2 });
  const queue = rawQueue(connection, name);
  const events = rawEvents(connection, name);
  await events.waitUntilReady();
  await sleep(100); // it is ready before it reads
  const result = await latency(async () => {
    const job = await queue.add('noop', {});
    await job.waitUntilFinished(events, EVENT_LIMIT_MS);
  });
  await events.close();
  await queue.close();
  await worker.end();
  return result;
}

async function clusterOneByOne(connection) {
  const name = newName();
  const host = await start({ kind: 'host', connection, name, slots: 2 });
  const cluster = new Cluster({ connection, name });
  await cluster.ready();
  const result = await latency(() => cluster.run('noop'));
  await cluster.close();
  await host.end();
  return result;
}

async function latency(call) {
  const times = [];
  let lost = 0;
  for (let index = -20; index < ONE_BY_ONE; index += 1) {
    const begin = performance.now();
    try {
      await call();
      if (index >= 0) times.push(performance.now() - begin);
    } catch (cause) {
      lost += 1;
      if (lost > MOST_LOST) throw new Error('no event arrives', { cause });
    }
  }
  return { p50: quantile(times, 0.5), p95: quantile(times, 0.95), lost };
}

/** From the SIGKILL of a host until all that it had taken has ended on another one. */
async function recovery(connection) {
  const name = newName();
  const first = await start({ kind: 'host', connection, name, slots: 2, ...LOCK });
  const cluster = new Cluster({ connection, name });
  const tasks = [1, 2].map(() => cluster.run('endsAtTheSecondStart', [], { retries: 1 }));
  // Not by `started`, whose event may be lost.
  while ((await cluster.stats()).cluster.running < tasks.length) await sleep(20);
  const second = await start({ kind: 'host', connection, name, slots: 2, ...LOCK });
  await sleep(500 + Math.random() * LOCK.lockMs); // anywhere between two renewals
  const begin = performance.now();
  first.child.kill('SIGKILL');
  await Promise.all(tasks);
  const ms = performance.now() - begin;
  await cluster.close();
  await second.end();
  return { ms };
}

async function idle(connection, kind) {
  const child = await start({ kind, connection, name: newName(), slots: 2 });
  await sleep(2000);
  const before = await child.ask();
  const begin = performance.now();
  await sleep(IDLE_MS);
  const percent = ((await child.ask()).cpuUs - before.cpuUs) / (performance.now() - begin) / 10;
  await child.end();
  return { percent };
}

// ---- processes

async function start(what) {
  const child = fork(CHILD, { env: { ...process.env, NODE_OPTIONS: '' } });
  children.add(child);
  let waiting;
  child.on('message', (reply) => waiting.resolve(reply));
  child.once('exit', () => waiting.reject(new Error(`a ${what.kind} has ended`)));
  const answer = (message) => {
    const reply = new Promise((resolve, reject) => {
      waiting = { resolve, reject };
    });
    child.send(message);
    return reply;
  };
  await answer({ start: what });
  return {
    child,
    ask: () => answer({ ask: true }),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
      children.delete(child);
    },
  };
}

async function stop() {
  for (const child of children) child.kill('SIGKILL');
  for (const store of Object.values(stores)) await store.stop();
}

function newName() {
  names += 1;
  return `bench-${names}`;
}

function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

// ---- the table

function print() {
  const found = Object.entries(figures);
  const shown = (value, digits = 0) => value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const row = (title, of) => `| ${[title, ...found.map(([, { medians }]) => of(medians))].join(' | ')} |`;
  const limit = LOCK.lockMs + 2 * LOCK.checkMs;
  const lines = [row('', () => ''), `|---|${found.map(() => '---|').join('')}`];
  lines[0] = `| | ${found.map(([name]) => name).join(' | ')} |`;
  for (const slots of SLOTS) {
    const of = (medians) => [medians[`raw ${slots}`], medians[`cluster ${slots}`]];
    lines.push(
      row(`no-ops a second, ${slots} slots: BullMQ, cluster, ratio`, (medians) => {
        const [raw, own] = of(medians);
        return `${shown(raw.perSecond)}, ${shown(own.perSecond)}, ${shown(own.perSecond / raw.perSecond, 2)}`;
      }),
      row(`CPU of the client a task, ${slots} slots: BullMQ, cluster, µs`, (medians) =>
        of(medians)
          .map(({ clientUs }) => shown(clientUs))
          .join(', '),
      ),
      row(`CPU of the host a task, ${slots} slots: BullMQ, cluster, µs`, (medians) =>
        of(medians)
          .map(({ hostUs }) => shown(hostUs))
          .join(', '),
      ),
    );
  }
  for (const [what, key] of [
    ['p50', 'p50'],
    ['p95', 'p95'],
  ]) {
    lines.push(
      row(`submit to result, one at a time, ${what}: BullMQ, cluster, ratio`, (medians) => {
        const [raw, own] = [medians['raw one by one'][key], medians['cluster one by one'][key]];
        return `${shown(raw, 1)} ms, ${shown(own, 1)} ms, ${shown(own / raw, 2)}`;
      }),
    );
  }
  lines.push(
    row(`recovery after kill -9 of a host (limit ${shown(limit)} ms)`, (medians) => `${shown(medians['recovery'].ms)} ms`),
    row(`CPU of an idle process over ${IDLE_MS / 1000} s: BullMQ, cluster`, (medians) =>
      ['raw idle', 'cluster idle'].map((key) => `${shown(medians[key].percent, 2)} %`).join(', '),
    ),
  );
  console.log(lines.join('\n'));
}
