/** What the demos share: the files to pack, a view of the progress, and the table of their runs. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LINE_EVERY_MS = 2000;
const BAR_EVERY_MS = 100;
const BAR_WIDTH = 40;

// In a clone, its own packages; in an installed package, those installed beside it.
const own = fileURLToPath(new URL('../../node_modules', import.meta.url));
export const root = existsSync(own) ? own : fileURLToPath(new URL('../../..', import.meta.url));

export const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`)
  .sort();

/** A bar on a terminal, a line every two seconds otherwise. */
export function showProgress(name, total) {
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

/**
 * Prints a table of the runs, and whether they agree: `{ name, results, seconds, … }`, where the rest
 * becomes columns. Adds to the problems; the exit code is 1 if there are any.
 */
export function report(runs, problems, success) {
  const rows = {};
  for (const { name, results, seconds, ...rest } of runs) {
    const paths = new Set(results.map((result) => result.path));
    if (paths.size !== results.length) problems.push(`${name}: ${results.length - paths.size} files were counted twice`);
    if (paths.size !== files.length) problems.push(`${name}: ${files.length - paths.size} files are missing`);
    const lines = results.map((result) => `${result.path} ${result.hash}`).sort();
    rows[name] = {
      files: results.length,
      'MB in': Math.round(results.reduce((sum, result) => sum + result.bytes, 0) / 1e6),
      'MB out': Math.round(results.reduce((sum, result) => sum + result.zipped, 0) / 1e6),
      seconds: Number(seconds.toFixed(1)),
      ...rest,
      digest: createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16),
    };
  }
  console.table(rows);
  if (new Set(Object.values(rows).map(({ digest }) => digest)).size > 1) problems.push(`the digests differ: ${differing(runs)}`);
  for (const problem of problems) console.error(problem);
  console.log(problems.length === 0 ? success : 'The runs do not agree.');
  process.exitCode = problems.length === 0 ? 0 : 1;
}

/** The files that differ: another program may have written one between the runs. */
function differing([first, second]) {
  const hashes = new Map(first.results.map(({ path, hash }) => [path, hash]));
  return second.results
    .filter(({ path, hash }) => hashes.get(path) !== hash)
    .map(({ path }) => path)
    .join(', ');
}

export function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
