/**
 * The benchmarks: `npm run bench -- [--quick] [--only P1,P4] [--rounds 5] [--node 24]`. Each
 * measurement is a process of its own, the contenders take turns, and the median of the rounds
 * counts. Prints a table for each row, and writes all figures to bench/results.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { environment, install, printHead } from './environment.js';
import { underNode } from './node-version.js';
import { measure, stop } from './processes.js';
import { selected } from './rows/index.js';
import { judge, print, summarise } from './table.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    node: { type: 'string' },
  },
});
const { quick: isQuick } = options;
await underNode(options.node, import.meta.url);
const rows = selected(options.only?.split(',')).filter((row) => !isQuick || options.only !== undefined || !row.isLong);
if (rows.length === 0) throw new Error(`No row is called ${options.only}.`);

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => void stop().then(() => process.exit(1)));
}

install();
const report = { date: new Date().toISOString(), environment: environment(), options, rows: {} };
printHead(report.environment);
for (const row of rows) {
  const figures = await measureRow(row);
  const summaries = Object.fromEntries(Object.entries(figures).map(([entry, rounds]) => [entry, summarise(rounds)]));
  const goals = judge(row.goals, summaries);
  print(row, summaries, goals);
  report.rows[row.id] = { title: row.title, unit: row.unit, rounds: figures, summaries, goals };
}
const folder = new URL('./results/', import.meta.url);
mkdirSync(folder, { recursive: true });
const name = `${report.date.slice(0, 19).replaceAll(':', '-')}.json`;
writeFileSync(new URL(name, folder), `${JSON.stringify(report, null, 2)}\n`);
console.log(`\nAll figures: bench/results/${name}`);

/** A contender that fails is not measured again. */
async function measureRow({ entries, quickEntries, rounds: usual = 5, samples = 1, limitS = 60, quickLimitS = 15, ...row }) {
  await row.prepare?.({ isQuick });
  const rounds = Number(options.rounds ?? (isQuick ? 1 : usual)) * samples;
  const figures = Object.fromEntries(((isQuick && quickEntries) || entries).map((entry) => [entry, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [entry, results] of Object.entries(figures)) {
      if (results.at(-1)?.error !== undefined) continue;
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${row.id}, round ${round} of ${rounds}: ${entry}`);
      results.push(await measure(row, entry, { isQuick, limitMs: (isQuick ? quickLimitS : limitS) * 1000 }));
    }
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  return figures;
}
