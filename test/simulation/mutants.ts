/**
 * npm run mutants                          plants each bug of mutations.ts, and runs the seeds from the one that last found it
 * npm run mutants -- --hunt                runs the seeds from 1 on, up to 20,000, and prints the first that finds the bug
 * npm run mutants -- --only retry          only the bugs whose text contains this; may be given several times
 * npm run mutants -- --hunt --seeds 1000   up to 1,000 seeds for each
 */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import PQueue from 'p-queue';
import { type Edit, editsOf, type Mutation } from './mutation.js';
import { MUTATIONS } from './mutations.js';

const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER: string = join(ROOT, '.cache', 'mutants');
/**
 * The number of seeds that are tried from that one on: any change of the source changes what a seed
 * does.
 */
const SEEDS_AFTER = 1500;
/** CommonJS modules among the dependencies need it. */
const BANNER = "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";

interface Range {
  readonly first: number;
  readonly count: number;
}

interface Finding {
  readonly mutation: Mutation;
  /** Undefined if none of them found it. */
  readonly seed: number | undefined;
  /** The first fault. */
  readonly fault: string;
}

/** @throws Error when the source has moved on */
function apply(text: string, { file, find, replace }: Edit, bug: string): string {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`'${bug}': its text occurs ${parts.length - 1} times in ${file}`);
  return parts.join(replace);
}

/** Bundles the simulation, with this bug in the source, as one file. */
async function plant(mutation: Mutation, path: string): Promise<void> {
  const edits = editsOf(mutation);
  await build({
    entryPoints: [join(ROOT, 'test', 'simulation', mutation.entry ?? 'cli.ts')],
    outfile: path,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
    banner: { js: BANNER },
    plugins: [
      {
        name: 'bug',
        setup: (bundle) => {
          bundle.onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path: loaded }) => {
            const file = relative(ROOT, loaded).split(sep).join('/');
            const text = await readFile(loaded, 'utf8');
            const mine = edits.filter((edit) => edit.file === file);
            return { contents: mine.reduce((changed, edit) => apply(changed, edit, mutation.bug), text), loader: 'ts' };
          });
        },
      },
    ],
  });
}

/** Runs these seeds until one fails. */
async function find(mutation: Mutation, { first, count }: Range): Promise<Finding> {
  const path = join(FOLDER, `${MUTATIONS.indexOf(mutation)}.mjs`);
  try {
    await plant(mutation, path);
  } catch (error) {
    return { mutation, seed: undefined, fault: `it cannot be planted: ${(error as Error).message}` };
  }
  const args = [path, '--seed', String(first), '--seeds', String(count), '--first'];
  const out = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 26, timeout: 1_800_000 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
  rmSync(path, { force: true });
  const undefinedName = /\b(\w+) is not defined/.exec(out);
  if (undefinedName !== null) return { mutation, seed: undefined, fault: `it cannot be planted: ${undefinedName[0]}` };
  const found = /^seed (\d+): (.*)$/m.exec(out);
  if (found === null && !out.includes(' failed: ')) return { mutation, seed: undefined, fault: `it did not run: ${out.slice(-2000)}` };
  return { mutation, seed: found === null ? undefined : Number(found[1]), fault: found?.[2] ?? 'not found' };
}

/** Tries the chosen bugs in the order of the list, one for each processor at a time. */
async function findAll(chosen: readonly Mutation[], rangeOf: (mutation: Mutation) => Range): Promise<Finding[]> {
  mkdirSync(FOLDER, { recursive: true });
  const queue = new PQueue({ concurrency: availableParallelism() });
  return queue.addAll(
    chosen.map((mutation) => async () => {
      const finding = await find(mutation, rangeOf(mutation));
      const moved = finding.seed === mutation.firstSeed ? '' : ` (firstSeed: ${mutation.firstSeed})`;
      console.error(`${finding.seed ?? 'NOT FOUND'}${moved}: ${mutation.bug}: ${finding.fault}`);
      return finding;
    }),
  );
}

const { values } = parseArgs({
  options: { hunt: { type: 'boolean' }, only: { type: 'string', multiple: true }, seeds: { type: 'string' } },
});
const { hunt = false, only = [''] } = values;
const count = Number(values.seeds ?? (hunt ? 20_000 : SEEDS_AFTER));
const chosen = MUTATIONS.filter(({ bug }) => only.some((words) => bug.includes(words)));
const findings = await findAll(chosen, ({ firstSeed }) => ({ first: hunt ? 1 : firstSeed, count }));
console.log('| bug | who had it | found by seed | as |\n|---|---|---|---|');
for (const { mutation, seed, fault } of findings)
  console.log(`| ${mutation.bug} | ${mutation.source} | ${seed ?? '**not found**'} | ${fault.split(':')[0]} |`);
const missed = findings.filter(({ seed }) => seed === undefined).length;
console.log(`${findings.length} bugs, ${missed} not found, in ${(performance.now() / 1000).toFixed(0)} s`);
if (missed > 0) process.exitCode = 1;
