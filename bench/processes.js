/** Starts a measurement within a time limit, and leaves no process of it behind. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const measureFile = fileURLToPath(new URL('./measure.js', import.meta.url));
const project = fileURLToPath(new URL('..', import.meta.url));
const MARK = 'EVERPOOL_BENCH_RUN';
// Without NODE_OPTIONS, NODE_EXTRA_CA_CERTS (100 ms of each start) and the like: not every
// contender passes them to its workers.
const plainEnvironment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('NODE_')));
const run = `${process.pid}-${Date.now()}`;

let current;
let isStopped = false;

/**
 * Every process that a measurement started has inherited its environment, even one that left the
 * process group.
 */
function markedPids() {
  return processIds().filter((pid) => read(() => readFileSync(`/proc/${pid}/environ`, 'latin1'))?.includes(`${MARK}=${run}`));
}

/** Children of this process that run Node and live: a zombie has no executable. */
export function nodeChildren() {
  const threads = readdirSync('/proc/self/task');
  const children = threads.flatMap((thread) => readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean));
  return children.map(Number).filter((pid) => read(() => readlinkSync(`/proc/${pid}/exe`)) === process.execPath);
}

/** Ends everything; a pending measurement stays pending for ever. */
export async function stop() {
  isStopped = true;
  if (current !== undefined) kill(-current.pid);
  await sweep();
}

async function sweep() {
  for (let left = markedPids(); left.length > 0; left = markedPids()) {
    for (const pid of left) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The figures of one measurement, or `{ error }`. */
export async function measure({ id, execArgv = [] }, entry, { isQuick, limitMs }) {
  const child = spawn(process.execPath, [...execArgv, measureFile, id, entry, ...(isQuick ? ['quick'] : [])], {
    env: { ...plainEnvironment, [MARK]: run },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  current = child;
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr']) child[name].on('data', (chunk) => (output[name] = (output[name] + chunk).slice(-20_000)));
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    kill(-child.pid);
  }, limitMs);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearTimeout(limit);
  kill(-child.pid);
  await sweep();
  if (isStopped) return new Promise(() => undefined);
  if (isLate) return { error: `no result within ${limitMs / 1000} s` };
  if (code !== 0) return { error: lastError(output.stderr) };
  return JSON.parse(output.stdout.trimEnd().split('\n').at(-1));
}

/** Its cause of death, without the paths of this machine. */
function lastError(stderr) {
  const lines = stderr.replaceAll(project, '').split('\n');
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.findLast((line) => line.trim() !== '') ?? 'ended without a word';
}

function processIds() {
  return process.platform === 'linux' ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [];
}

/** Undefined where the process has ended meanwhile, or is another user's. */
function read(hasStarted) {
  try {
    return hasStarted();
  } catch {
    return undefined;
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
