/**
 * The main job, twice: gzip and hash every file under node_modules in worker processes, once
 * undisturbed and once while random workers are SIGKILLed all along. Both runs must give the same,
 * complete result.
 *
 *   npm run demo
 *
 * Exits with 1 if the digests differ, a file is missing or counted twice, or a process is left.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Pool } from 'everpool';

// In a clone, its own packages; in an installed package, those installed beside it.
const own = fileURLToPath(new URL('../../node_modules', import.meta.url));
const root = existsSync(own) ? own : fileURLToPath(new URL('../../..', import.meta.url));
const module = new URL('./tasks.js', import.meta.url);
const KILL_EVERY_MS = 150; // on average
const LINE_EVERY_MS = 2000;
const BAR_EVERY_MS = 100;
const BAR_WIDTH = 40;

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
  .sort();
const seen = new Set(); // every pid that this program ever had

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
  // While nothing completes between two kills, the next one waits twice as long, because the
  // largest file needs its time.
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
    // Packing a file twice does no harm, so it may start again when its worker dies.
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
  const start = performance.now();
  let last = start;
  const { isTTY } = process.stdout;
  const bar = (done) => {
    const filled = '='.repeat(Math.floor((BAR_WIDTH * done) / total)).padEnd(BAR_WIDTH, '-');
    const left = Math.round((performance.now() - start) * (total / done - 1) * 0.001);
    return `\r${name.padEnd(13)} [${filled}] ${Math.floor((100 * done) / total)}% | ${done}/${total} files | ETA ${left} s\x1b[K`;
  };
  return {
    update(done) {
      if (done < total && performance.now() - last < (isTTY ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
      last = performance.now();
      if (isTTY) process.stdout.write(bar(done));
      else if (done < total) console.log(`${name}: ${done} of ${total} files`);
    },
    stop: () => console.log(isTTY ? '' : `${name}: done`),
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
