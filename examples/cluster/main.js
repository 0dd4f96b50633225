/**
 * The main job on two hosts: gzip and hash every file under node_modules, first in a local pool, then in
 * a cluster of two hosts with a PostgreSQL between them. In the middle, one host is SIGKILLed. Both runs
 * must give the same, complete result.
 *
 *   npm run demo:cluster
 *
 * Exits with 1 if the digests differ, a file is missing or counted twice, or a process is left.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Pool } from 'everpool';
import { Cluster } from 'everpool/cluster';
import { files, isRunning, report, root, showProgress } from '../demo/parts.js';
import { startPostgres } from './postgres.js';

const tasks = new URL('../demo/tasks.js', import.meta.url);
const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const LOCK = '3s'; // short, so that the loss of a host costs little time
const END_LIMIT_MS = 5000;

const hosts = new Set();
const seen = new Set(); // every pid that this program ever had

console.log(`${files.length} files under ${root}`);
const local = await run('one pool', new Pool({ module: tasks, size: 2 }));

const postgres = await startPostgres();
seen.add(postgres.pid);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => end().then(() => process.exit(1)));
let clustered;
let killed = 0;
try {
  const [victim] = await Promise.all([startHost('first', postgres.url), startHost('second', postgres.url)]);
  const cluster = new Cluster({ connection: { postgres: postgres.url } });
  clustered = await run('two hosts', cluster, () => {
    for (const pid of [victim.pid, ...childrenOf(victim.pid)]) seen.add(pid);
    victim.kill('SIGKILL');
    killed += 1;
  });
} finally {
  await end();
}
const limit = performance.now() + END_LIMIT_MS;
let left = [...seen];
for (; left.length > 0 && performance.now() < limit; left = left.filter(isRunning)) await sleep(50);
const problems = left.length === 0 ? [] : [`processes are left: ${left.join(', ')}`];
if (killed === 0) problems.push('no host was killed');
report(
  [
    { ...local, 'hosts killed': 0 },
    { ...clustered, 'hosts killed': killed },
  ],
  problems,
  'Both runs gave the same result; no process is left.',
);

/** All files in an executor, which is closed then. `inTheMiddle` is called once. */
async function run(name, executor, inTheMiddle = () => undefined) {
  const progress = showProgress(name, files.length);
  const start = performance.now();
  const results = [];
  let retries = 0;
  try {
    // Packing a file twice does no harm, so it may start again when its host dies.
    for await (const outcome of executor.map('pack', files, { retries: 3, ordered: false }).outcomes()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      results.push(outcome.value);
      retries += outcome.attempts - 1;
      progress.update(results.length);
      if (results.length === Math.floor(files.length / 2)) inTheMiddle();
    }
  } finally {
    progress.stop();
    await executor.close();
  }
  return { name, results, seconds: (performance.now() - start) / 1000, retries };
}

/** `everpool serve` as a process of its own; resolves when it is ready. */
async function startHost(name, url) {
  const options = ['--host', name, '--size', '2', '--lock', LOCK, '--drain', '5s'];
  const host = spawn(process.execPath, [command, 'serve', fileURLToPath(tasks), ...options], {
    env: { ...process.env, EVERPOOL_CONNECT: url }, // not an argument: it has a password
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  hosts.add(host);
  seen.add(host.pid);
  for await (const line of createInterface({ input: host.stderr })) {
    console.log(line);
    if (line.includes('is ready')) {
      host.stderr.resume();
      return host;
    }
  }
  throw new Error(`the host '${name}' has ended with code ${host.exitCode}`);
}

async function end() {
  for (const host of hosts) {
    if (host.exitCode !== null || host.signalCode !== null) continue;
    for (const pid of childrenOf(host.pid)) seen.add(pid);
    const ended = new Promise((resolve) => host.once('exit', resolve));
    host.kill('SIGTERM');
    await ended;
  }
  await postgres.stop();
}

/** The workers of a host; none where the system does not show them. */
function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
