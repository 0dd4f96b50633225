/**
 * npm run sim:cluster -- --seeds 500 --seed 7   seeds 7 to 506
 * npm run sim:cluster -- --seed 7               one seed, with all its faults
 *
 * `--first` stops at the first seed that fails.
 */
import { parseArgs } from 'node:util';
import { runClusterSeed } from './run-cluster-seed.js';

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' }, first: { type: 'boolean' } } });
const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.seed === undefined ? 2000 : 1));
const startedAt = performance.now();
const total = { seeds: 0, failed: 0, tasks: 0, starts: 0, deaths: 0 };
for (let seed = first; seed < first + count; seed += 1) {
  const { faults, tasks, starts, deaths } = await runClusterSeed(seed);
  total.seeds += 1;
  total.tasks += tasks;
  total.starts += starts;
  total.deaths += deaths;
  if (faults.length === 0) continue;
  total.failed += 1;
  console.log(`seed ${seed}: ${faults[0]}`);
  if (count === 1) for (const fault of faults.slice(1, 20)) console.log(`  ${fault}`);
  if (values.first === true) break;
}
const seconds = (performance.now() - startedAt) / 1000;
console.log(
  `${total.seeds} seeds, ${total.failed} failed: ${total.tasks} tasks, ${total.starts} starts, ${total.deaths} deaths ` +
    `in ${seconds.toFixed(1)} s (${Math.round(total.tasks / seconds)} tasks/s)`,
);
if (total.failed > 0) process.exitCode = 1;
