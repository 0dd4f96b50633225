/** Describes the machine, prints the head of a benchmark, and installs the contenders. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { systemCallCosts } from './system-calls.js';

const folder = fileURLToPath(new URL('.', import.meta.url));

export function environment() {
  const { dependencies } = JSON.parse(readFileSync(`${folder}package.json`, 'utf8'));
  const commit = execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=10'], { cwd: folder, encoding: 'utf8' }).trim();
  return {
    node: process.version,
    system: `${os.type()} ${os.release()} ${os.arch()}`,
    cpu: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    loadAverage: os.loadavg()[0],
    systemCallUs: systemCallCosts(),
    commit,
    dependencies,
  };
}

/** The first lines of a benchmark: what was measured, on what. */
export function printHead({ commit, node, system, cpu, cores, memoryBytes, loadAverage, systemCallUs }) {
  const costs = Object.entries(systemCallUs).map(([call, us]) => `${call} ${us.toFixed(2)} µs`);
  console.log(`everpool ${commit}, Node ${node.slice(1)}, ${system}, ${cores} × ${cpu}, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB`);
  console.log(`A system call costs here: ${costs.join(', ')} (8 bytes). Load before the start: ${loadAverage.toFixed(1)}`);
}

/** Runs `npm ci` here if it never ran, or the lock is newer. */
export function install() {
  const isDone = modifiedMs('node_modules/.package-lock.json') >= modifiedMs('package-lock.json');
  if (isDone) return;
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error('The contenders could not be installed: see what npm says above.');
}

function modifiedMs(path) {
  return statSync(folder + path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
