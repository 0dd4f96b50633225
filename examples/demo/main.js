/**
 * The main job, twice: gzip and hash every file under node_modules in worker processes, once
 * undisturbed and once while random workers are SIGKILLed all along. Both runs must give the same,
 * complete result.
 *
 *   npm run demo
 *
 * Exits with 1 if the digests differ, a file is missing or counted twice, or a process is left.
 */
import { Pool } from 'everpool';
import { files, isRunning, report, root, showProgress } from './parts.js';

const module = new URL('./tasks.js', import.meta.url);
const KILL_EVERY_MS = 150; // on average

const seen = new Set(); // every pid that this program ever had

console.log(`${files.length} files under ${root}`);
const quiet = await run('undisturbed', false);
const chaotic = await run('under SIGKILL', true);
const problems = chaotic.kills === 0 ? ['no worker was killed'] : [];
const left = [...seen].filter(isRunning);
if (left.length > 0) problems.push(`processes are left: ${left.join(', ')}`);
report([quiet, chaotic], problems, 'Both runs gave the same result; no process is left.');

/** One run over all files. */
async function run(name, isKilling) {
  const pool = new Pool({ module, size: 2, name });
  let kills = 0;
  pool.on('workerSpawned', ({ pid }) => seen.add(pid));
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
  return { name, results, seconds: (performance.now() - start) / 1000, kills, respawns: spawned - 2, retries: retried };
}

/** SIGKILL to a random worker that holds a task. */
function killOne(pool) {
  const busy = pool.workers().filter((worker) => worker.state === 'busy');
  const victim = busy[Math.floor(Math.random() * busy.length)];
  if (victim === undefined) return 0;
  process.kill(victim.pid, 'SIGKILL');
  return 1;
}
