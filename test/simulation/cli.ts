/**
 * npm run sim                      seeds 1 to 80,000: some ten million tasks
 * npm run sim -- --seeds 500 --seed 7   seeds 7 to 506
 * npm run sim -- --seed 7          replays one seed and prints its story; a failing seed is shrunk to what the fault needs
 * npm run sim -- --minutes 30      fresh seeds for half an hour
 *
 * `--first` stops at the first seed that fails.
 */
import { parseArgs } from 'node:util';
import { planOfSeed, runSeed, type Verdict } from './run-seed.js';
import { describePlan, shrink } from './shrink.js';

const DEFAULT_SEEDS = 80_000;

const { values } = parseArgs({
  options: { seeds: { type: 'string' }, seed: { type: 'string' }, minutes: { type: 'string' }, first: { type: 'boolean' } },
});

function number(name: 'seeds' | 'seed' | 'minutes'): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && (name === 'minutes' || Number.isInteger(value))) return value;
  process.stderr.write(`--${name}: expected a number >= 0, got '${text}'\n`);
  return process.exit(2);
}

const seeds = number('seeds');
const seed = number('seed');
const minutes = number('minutes');

function print(verdict: Verdict): void {
  const { story, faults, digest } = verdict;
  console.log(story.slice(-60).join('\n'));
  console.log(`seed ${verdict.seed}: ${verdict.tasks} tasks, ${verdict.starts} starts, ${verdict.deaths} deaths; story ${digest}`);
  for (const fault of faults) console.log(`  ${fault}`);
}

async function many(first: number, count: number, untilMs: number): Promise<void> {
  const startedAt = performance.now();
  const total = { seeds: 0, tasks: 0, starts: 0, deaths: 0, forgers: 0, hostile: 0, virtualMs: 0, failed: 0 };
  for (let each = first; each < first + count && performance.now() < untilMs; each++) {
    const verdict = await runSeed(each);
    total.seeds += 1;
    total.tasks += verdict.tasks;
    total.starts += verdict.starts;
    total.deaths += verdict.deaths;
    total.forgers += verdict.forgers;
    total.hostile += verdict.hostile;
    total.virtualMs += verdict.virtualMs;
    if (verdict.faults.length === 0) continue;
    total.failed += 1;
    console.log(`seed ${each}: ${verdict.faults[0]}\n  replay it with: npm run sim -- --seed ${each}`);
    if (values.first === true) break;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${total.seeds} seeds, ${total.failed} failed: ${total.tasks} tasks, ${total.starts} starts, ${total.deaths} deaths, ` +
      `${total.forgers} forgers, ${total.hostile} hostile calls, ${(total.virtualMs / 3_600_000).toFixed(1)} simulated hours in ${seconds.toFixed(1)} s (${Math.round(total.tasks / seconds)} tasks/s)`,
  );
  if (total.failed > 0) process.exitCode = 1;
}

if (seed !== undefined && seeds === undefined && minutes === undefined) {
  let verdict = await runSeed(seed, true);
  const [fault] = verdict.faults;
  if (fault !== undefined) {
    console.log(`seed ${seed}: ${fault}\n`);
    const { plan, tries } = await shrink(seed, planOfSeed(seed), fault);
    console.log(`shrunk in ${tries} runs to:\n${describePlan(plan)}\n`);
    verdict = await runSeed(seed, true, plan);
  }
  print(verdict);
  if (verdict.faults.length > 0) process.exitCode = 1;
} else {
  const untilMs = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;
  const count = seeds ?? (minutes === undefined ? DEFAULT_SEEDS : Number.POSITIVE_INFINITY);
  await many(seed ?? (minutes === undefined ? 1 : Date.now() % 2 ** 31), count, untilMs);
}
