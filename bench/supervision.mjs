/** P7, P8 and P9 of supervision: `npm run build && node bench/supervision.mjs`. Prints JSON; figures are medians. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Pool } from 'everpool';

const module = new URL('./tasks.mjs', import.meta.url);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

/** Milliseconds from a SIGKILL to the first result out of the slot of the killed worker. */
async function killToResult(spares, rounds) {
  const pool = new Pool({ module, size: 1, spares, restart: { intensity: 1e6 } });
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    while (pool.stats().spares < spares) await sleep(2);
    await pool.run('noop');
    const victim = pool.run('never');
    victim.catch(() => undefined);
    const { pid } = await victim.started;
    const start = performance.now();
    process.kill(pid, 'SIGKILL');
    const first = pool.run('noop');
    await first;
    times.push(performance.now() - start);
  }
  await pool.kill();
  return times;
}

/** Milliseconds until bare Node has imported the module and said so. */
async function bareBoot(rounds) {
  const times = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const child = spawn(process.execPath, ['--input-type=module', '-e', `await import('${module.href}'); process.stdout.write('x');`]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    times.push(performance.now() - start);
    child.kill('SIGKILL');
  }
  return times;
}

/** Tasks of 1 ms in so many seconds, with a SIGKILL each second or without. */
async function throughput(seconds, isKilled) {
  const pool = new Pool({ module, size: 2, restart: { intensity: 1e6 } });
  await pool.ready();
  let done = 0;
  let lost = 0;
  let isOver = false;
  const lanes = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      await pool.run('spin', [1], { retries: 10 }).then(
        () => (done += 1),
        () => (lost += 1),
      );
    }
  });
  const kills = setInterval(() => {
    if (!isKilled) return;
    const workers = pool.workers().filter(({ state }) => state === 'busy');
    const victim = workers[Math.floor(Math.random() * workers.length)];
    if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
  }, 1000);
  await sleep(seconds * 1000);
  isOver = true;
  clearInterval(kills);
  await Promise.all(lanes);
  const { deaths } = pool.stats();
  await pool.kill();
  return { done, lost, deaths };
}

function pssOf(pid) {
  const [, kib] = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'));
  return Number(kib) / 1024;
}

/** Of an idle worker and of bare Node with the same module, side by side, in MB. */
async function memory(count) {
  const pool = new Pool({ module, size: count });
  await pool.ready();
  const bare = [];
  for (let index = 0; index < count; index += 1) {
    const child = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `await import('${module.href}'); process.stdout.write('x'); setInterval(() => {}, 1e6)`,
    ]);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    bare.push(child);
  }
  await sleep(1000);
  const ours = pool.workers().map(({ pid }) => pssOf(pid));
  const theirs = bare.map(({ pid }) => pssOf(pid));
  for (const child of bare) child.kill('SIGKILL');
  await pool.kill();
  return { worker: median(ours), bareNode: median(theirs) };
}

/** Milliseconds of processor time a second of this process, with an idle pool of 64. */
async function idleCost(seconds) {
  const pool = new Pool({ module, size: 64 });
  await pool.ready();
  await sleep(3000);
  const before = process.cpuUsage();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  await pool.kill();
  return (user + system) / 1000 / seconds;
}

async function baseCost(seconds) {
  const before = process.cpuUsage();
  await sleep(seconds * 1000);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000 / seconds;
}

const [withSpare, without, bare] = [await killToResult(1, 25), await killToResult(0, 25), await bareBoot(25)];
const p7 = { withSpareMs: median(withSpare), withoutMs: median(without), bareNodeMs: median(bare), ratio: median(without) / median(bare) };
console.log('P7', p7);
const seconds = Number(process.argv[2] ?? 30);
const [calm, stormy] = [await throughput(seconds, false), await throughput(seconds, true)];
console.log('P8', { calm, stormy, ratio: stormy.done / calm.done });
const pss = await memory(4);
console.log('P9', { ...pss, ratio: pss.worker / pss.bareNode, base: await baseCost(20), idle64: await idleCost(20) });
