/** npm run mutants [-- most seeds]: plants each bug of mutations.ts into a copy of the source, and tells after how many seeds it is found. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import PQueue from 'p-queue';
import { type Edit, MUTATIONS, type Mutation } from './mutations.js';

const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

export interface Finding {
  readonly mutation: Mutation;
  /** How many seeds it took; undefined: it was not found. */
  readonly seeds: number | undefined;
  /** The first fault. */
  readonly fault: string;
}

/** @throws Error when the source has moved on */
export function apply(edit: Edit, bug: string): string {
  const text = readFileSync(join(ROOT, edit.file), 'utf8');
  const parts = text.split(edit.find);
  if (parts.length !== 2) throw new Error(`'${bug}': its text occurs ${parts.length - 1} times in ${edit.file}`);
  return parts.join(edit.replace);
}

/** Runs seeds from 1 on over a copy of the source with this bug in it, until one fails. */
export async function hunt(mutation: Mutation, index: number, maxSeeds: number): Promise<Finding> {
  const folder = join(ROOT, '.cache', 'mutants', String(index));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const part of ['src', join('test', 'simulation'), 'tsconfig.base.json', 'tsconfig.json', 'package.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true });
  for (const edit of mutation.also === undefined ? [mutation] : [mutation, mutation.also])
    writeFileSync(join(folder, edit.file), apply(edit, mutation.bug));
  const args = ['--import', 'tsx', join(folder, 'test', 'simulation', 'cli.ts'), '--seed', '1', '--seeds', String(maxSeeds), '--first'];
  const out = await new Promise<string>((resolve) => {
    execFile(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 26, timeout: 1_800_000 }, (_error, stdout, stderr) =>
      resolve(stdout + stderr),
    );
  });
  rmSync(folder, { recursive: true, force: true });
  const found = /^seed (\d+): (.*)$/m.exec(out);
  if (found === null && !out.includes(' failed: ')) throw new Error(`'${mutation.bug}' did not run: ${out.slice(-2000)}`);
  return { mutation, seeds: found === null ? undefined : Number(found[1]), fault: found?.[2] ?? 'not found' };
}

/** All of them, two at a time, in the order of the list. */
export async function huntAll(maxSeeds: number): Promise<Finding[]> {
  const queue = new PQueue({ concurrency: 2 });
  const only = process.env['EVERPOOL_MUTANT'];
  const chosen = only === undefined ? MUTATIONS : MUTATIONS.filter(({ bug }) => bug.includes(only));
  return queue.addAll(
    chosen.map((mutation) => async () => {
      const finding = await hunt(mutation, MUTATIONS.indexOf(mutation), maxSeeds);
      console.error(`${finding.seeds ?? 'NOT FOUND'}: ${mutation.bug}: ${finding.fault}`);
      return finding;
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const findings = await huntAll(Number(process.argv[2] ?? 20_000));
  console.log('| bug | who had it | found after | as |\n|---|---|---|---|');
  for (const { mutation, seeds, fault } of findings) {
    const when = seeds === undefined ? '**not found**' : `${seeds} seed${seeds === 1 ? '' : 's'}`;
    console.log(`| ${mutation.bug} | ${mutation.source} | ${when} | ${fault.split(':')[0]} |`);
  }
  if (findings.some(({ seeds }) => seeds === undefined)) process.exitCode = 1;
}
