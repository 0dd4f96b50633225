/** The fate of 3,000 tasks while a worker is killed every 50 ms. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processPeers } from '../contenders/index.js';
import { nodeChildren } from '../processes.js';
import { sleep } from '../statistics.js';

const TASKS = 3000;
const LIMIT_MS = 20_000;

const everpools = ['everpool', 'everpool:retries', 'everpool:killed while booting'];

const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** Whether it is a worker of everpool that has not booted yet. */
const isBooting = (pool, pid) => pool.workers().some((worker) => worker.pid === pid && worker.state === 'starting');

function countTwice(file) {
  const ids = readFileSync(file, 'utf8').trimEnd().split('\n');
  const starts = new Map();
  for (const id of ids) starts.set(id, (starts.get(id) ?? 0) + 1);
  return [...starts.values()].filter((count) => count > 1).length;
}

export const reliability = {
  id: 'reliability',
  title: '3,000 tasks of 1 ms, a SIGKILL every 50 ms to a random worker: tasks that had not settled after 20 s',
  unit: 'unsettled',
  entries: [...everpools, ...processPeers],
  extra: { ok: '', failed: '', twice: 'started', kills: '', seconds: '' },
  rounds: 3,
  quickLimitS: 30,
  isLong: true,
  goals: everpools.map((name) => ({ text: `${name}: every task settles`, ratio: (medians) => medians[name], atMost: 0 })),
  async measure({ entry, open }) {
    const folder = mkdtempSync(join(tmpdir(), 'everpool-bench-'));
    const file = join(folder, 'starts');
    const counts = { ok: 0, failed: 0, kills: 0 };
    // An error that a pool throws into nowhere must not end the count of the settled tasks.
    process.on('uncaughtException', () => undefined);
    process.on('unhandledRejection', () => undefined);

    const { run, pool } = open({ tuning: {} });
    const sparesBooting = pool !== undefined && !entry.endsWith('booting');
    await run('noop');
    const start = performance.now();
    const kills = setInterval(() => {
      const victim = pick(nodeChildren());
      if (victim === undefined || (sparesBooting && isBooting(pool, victim))) return;
      process.kill(victim, 'SIGKILL');
      counts.kills += 1;
    }, 50);
    const tasks = Array.from({ length: TASKS }, async (_, id) => {
      try {
        await run('startAndSpin', { file, id });
        counts.ok += 1;
      } catch {
        counts.failed += 1;
      }
    });
    await Promise.race([Promise.all(tasks), sleep(LIMIT_MS)]);
    clearInterval(kills);
    const seconds = (performance.now() - start) / 1000;
    const { ok, failed } = counts;
    const figures = { value: TASKS - ok - failed, ...counts, twice: countTwice(file), seconds };
    rmSync(folder, { recursive: true });
    return figures;
  },
};
