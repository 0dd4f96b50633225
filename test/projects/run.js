/**
 * Packs everpool, installs the tarball beside a copy of this folder, and runs the projects in it (README.md).
 *
 * node test/projects/run.js [--report file] [--keep folder] [project ...]
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { inspect, parseArgs } from 'node:util';

const FILES_AT_ONCE = 2;
/** Of the error of a failed test. */
const MOST_CHARACTERS = 3000;
const FILE_LIMIT_MS = 600_000;

const here = import.meta.dirname;
const root = join(here, '../..');
const { values: options, positionals: wanted } = parseArgs({
  options: { report: { type: 'string' }, keep: { type: 'string' } },
  allowPositionals: true,
});

/** Resolves when the command has ended well. */
async function command(title, cwd, name, ...args) {
  const start = performance.now();
  const child = spawn(name, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, npm_config_loglevel: 'error' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0) throw new Error(`${title}: exit code ${code}\n${output}`);
  console.log(`${title}: ${seconds(start)}`);
  return output;
}

function seconds(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** A copy of this folder with its packages, where no node_modules above can lend it what everpool forgot to list. */
async function prepare(scratch) {
  const lock = readFileSync(join(here, 'package-lock.json'), 'utf8');
  const mark = join(scratch, 'installed-lock.json');
  const isInstalled = existsSync(mark) && readFileSync(mark, 'utf8') === lock;
  for (const name of readdirSync(scratch)) if (!isInstalled || name !== 'node_modules') rmSync(join(scratch, name), { recursive: true });
  cpSync(here, scratch, { recursive: true, filter: (path) => !relative(here, path).split('/').includes('node_modules') });
  if (!isInstalled) await command('npm ci', scratch, 'npm', 'ci', '--ignore-scripts');
  writeFileSync(mark, lock);
  const packed = await command('npm pack', root, 'npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', scratch);
  const tarball = join(scratch, 'everpool.tgz');
  cpSync(join(scratch, tarballOf(packed)), tarball);
  rmSync(join(scratch, 'node_modules/everpool'), { recursive: true, force: true });
  await command('npm install everpool.tgz', scratch, 'npm', 'install', '--no-save', '--ignore-scripts', '--prefer-offline', tarball);
}

/** npm tells it in a list, newer ones in an object by the package's name. */
function tarballOf(json) {
  return Object.values(JSON.parse(json))[0].filename;
}

function testFiles(scratch) {
  const all = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'node_modules');
  const projects = all.map(({ name }) => name).filter((name) => wanted.length === 0 || wanted.includes(name));
  for (const name of wanted) if (!projects.includes(name)) throw new Error(`there is no project ${name}`);
  return projects.flatMap((project) => {
    const folder = join(scratch, project);
    const files = readdirSync(folder).filter((name) => name.endsWith('.check.js'));
    return files.map((name) => join(folder, name));
  });
}

/** Counts what `node:test` reports: each test that holds no others, and each file that could not be run. */
async function runAll(scratch) {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] };
  const stream = run({ files: testFiles(scratch), concurrency: FILES_AT_ONCE, timeout: FILE_LIMIT_MS });
  const isGroup = (data) =>
    data.details?.type === 'suite' || data.name === data.file || (data.nesting === 0 && data.name.endsWith('.check.js'));
  const where = (data) => relative(scratch, data.file ?? '');
  stream.on('test:pass', (data) => {
    if (isGroup(data)) return;
    counts[data.skip === undefined ? 'passed' : 'skipped']++;
    console.log(
      `${data.skip === undefined ? 'ok' : `skipped (${data.skip})`}  ${where(data)}: ${data.name} (${Math.round(data.details.duration_ms)} ms)`,
    );
  });
  stream.on('test:fail', (data) => {
    if (data.details?.error?.failureType === 'subtestsFailed') return;
    counts.failed++;
    const why = inspect(data.details?.error?.cause ?? data.details?.error, { maxStringLength: 500 }).slice(0, MOST_CHARACTERS);
    console.log(`NOT OK  ${where(data)}: ${data.name}`);
    console.log(why);
    counts.failures.push({ name: where(data), assertionResults: [{ status: 'failed', fullName: data.name, failureMessages: [why] }] });
  });
  stream.on('test:stderr', ({ message }) => process.stderr.write(message));
  await new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject).resume());
  return counts;
}

/** In the form of vitest's JSON report, which .ci/run counts. */
function report({ passed, failed, skipped, failures }) {
  if (options.report === undefined) return;
  const json = { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, numTodoTests: 0, testResults: failures };
  writeFileSync(options.report, JSON.stringify(json));
}

const start = performance.now();
if (options.keep !== undefined) mkdirSync(options.keep, { recursive: true });
const scratch = realpathSync(options.keep ?? mkdtempSync(join(tmpdir(), 'everpool-projects-')));
try {
  await prepare(scratch);
  const counts = await runAll(scratch);
  report(counts);
  console.log(`projects: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped, ${seconds(start)}`);
  if (counts.failed > 0 || counts.passed === 0) process.exitCode = 1;
} finally {
  if (options.keep === undefined) rmSync(scratch, { recursive: true, force: true });
}
