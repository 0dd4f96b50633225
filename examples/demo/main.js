/**
 * The main job, twice: gzip and hash every file under node_modules in worker processes, once undisturbed
 * and once while random workers are SIGKILLed all along. Both runs must give the same, complete result.
 *
 *   npm run demo
 *
 * Exits with 1 if the digests differ, a file is missing or counted twice, or a process is left.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import cliProgress from 'cli-progress';
import { Pool } from 'everpool';

// Of a clone its own packages, of an installed package those that it was installed beside.
const own = fileURLToPath(new URL('../../node_modules', import.meta.url));
const root = existsSync(own) ? own : fileURLToPath(new URL('../../..', import.meta.url));
const module = new URL('./tasks.js', import.meta.url);
const KILL_EVERY_MS = 150; // on average
const LINE_EVERY_MS = 2000;

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
  .sort();
const seen = new Set(); // every pid that was ever ours

console.log(`${files.length} files under ${root}`);
const quiet = await run('undisturbed', false);
const chaotic = await run('under SIGKILL', true);
report([quiet, chaotic]);

/** One run over all files. */
async function run(name, isKilling) {
  const pool = new Pool({ module, size: 2, name });
  let kills = 0;
  let died = 0;
  pool.on('workerSpawned', ({ pid }) => seen.add(pid));
  pool.on('workerDied', ({ death }) => {
    if (!death.requested) died += 1;
  });
  const progress = showProgress(name, files.length);
  const start = performance.now();
  const results = [];
  let killer;
  // While nothing gets done between two kills the next one waits twice as long: the largest file must have its time.
  const scheduleKill = (meanMs, doneBefore) => {
    if (!isKilling) return;
    killer = setTimeout(
      () => {
        kills += killOne(pool);
        scheduleKill(results.length > doneBefore ? KILL_EVERY_MS : meanMs * 2, results.length);
      },
      meanMs * 2 * Math.random(),
    );
  };
  try {
    // Packing a file twice does no harm: it may be started again when its worker dies.
    scheduleKill(KILL_EVERY_MS, 0);
    for await (const result of pool.map('pack', files, { retries: 10_000, ordered: false, bufferSize: 64 })) {
      results.push(result);
      progress.update(results.length);
    }
  } finally {
    clearTimeout(killer);
    progress.stop();
    await pool.close();
  }
  const { retried, spawned } = pool.stats();
  return { name, results, seconds: (performance.now() - start) / 1000, kills, died, respawns: spawned - 2, retried };
}

/** SIGKILL to a random worker that holds a task. */
function killOne(pool) {
  const busy = pool.workers().filter((worker) => worker.state === 'busy');
  const victim = busy[Math.floor(Math.random() * busy.length)];
  if (victim === undefined) return 0;
  process.kill(victim.pid, 'SIGKILL');
  return 1;
}

/** A bar on a terminal, a line every two seconds otherwise. */
function showProgress(name, total) {
  if (process.stdout.isTTY) {
    const bar = new cliProgress.SingleBar({ format: `${name.padEnd(13)} [{bar}] {percentage}% | {value}/{total} files | ETA {eta} s` });
    bar.start(total, 0);
    return bar;
  }
  let last = performance.now();
  return {
    update(done) {
      if (performance.now() - last < LINE_EVERY_MS) return;
      last = performance.now();
      console.log(`${name}: ${done} of ${total} files`);
    },
    stop() {
      console.log(`${name}: done`);
    },
  };
}

function report(runs) {
  const problems = [];
  const rows = {};
  for (const { name, results, seconds, kills, respawns, retried } of runs) {
    const paths = new Set(results.map((result) => result.path));
    if (paths.size !== results.length) problems.push(`${name}: ${results.length - paths.size} files were counted twice`);
    if (paths.size !== files.length) problems.push(`${name}: ${files.length - paths.size} files are missing`);
    const lines = results.map((result) => `${result.path} ${result.hash}`).sort();
    rows[name] = {
      files: results.length,
      'MB in': Math.round(results.reduce((sum, result) => sum + result.bytes, 0) / 1e6),
      'MB out': Math.round(results.reduce((sum, result) => sum + result.zipped, 0) / 1e6),
      seconds: Number(seconds.toFixed(1)),
      kills,
      respawns,
      retries: retried,
      digest: createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16),
    };
  }
  console.table(rows);
  const [first, second] = Object.values(rows);
  if (first.digest !== second.digest) problems.push('the digests of the two runs differ');
  if (second.kills === 0) problems.push('no worker was killed');
  const left = [...seen].filter(isRunning);
  if (left.length > 0) problems.push(`processes are left: ${left.join(', ')}`);
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? 'Both runs gave the same result; no process is left.' : 'The runs do not agree.');
  process.exitCode = problems.length === 0 ? 0 : 1;
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
