/**
 * Checks the cost of one task in the parent and in the worker, counted and not timed, against the
 * budgets in guard.json.
 *
 * Each path (guard-paths.js) runs in a child of its own (guard-child.js), in virtual time, so each
 * run does the same. With these flags V8 neither collects garbage nor optimises: 20 runs on Node 20
 * differed by less than 0.5 % in bytes and not at all in calls and code. With optimisation, bytes
 * were half as many and differed by 5 %, and V8 lost the calls that it inlined.
 *
 * The reads and writes of a real worker (guard-calls.js) are counted by the kernel, on each Node.
 *
 * `node bench/guard.js --write` writes the measured figures as the new budgets.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { paths } from './guard-paths.js';
import { whyUncounted } from './system-calls.js';

/**
 * The version that CI runs: others lay out objects and compile differently, so their figures
 * differ.
 */
const NODE_MAJOR = '20';
const TOLERANCE = 0.1;
const FLAGS = ['--no-opt', '--single-threaded', '--expose-gc', '--min-semi-space-size=1024', '--max-semi-space-size=1024'];
const CHILD = fileURLToPath(new URL('guard-child.js', import.meta.url));
const CALLS_CHILD = fileURLToPath(new URL('guard-calls.js', import.meta.url));
/** The paths of a real worker: the retries after a crash. */
const RETRIES = { 'worker, run': 0, 'worker, run with a retry': 1 };
const BUDGETS = new URL('guard.json', import.meta.url);
const LIMIT_MS = 120_000;

const UNITS = {
  bytes: 'bytes allocated',
  calls: 'function calls',
  code: 'characters of code executed',
  systemCalls: 'reads and writes',
};

const shown = (figure) => figure.toLocaleString('en', { maximumFractionDigits: figure < 10 ? 2 : figure < 1000 ? 1 : 0 });
const percent = (share) => `${share > 0 ? '+' : ''}${(share * 100).toFixed(1)} %`;

/** Without the environment, because NODE_OPTIONS would change the figures. */
async function measure(...args) {
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: {}, timeout: LIMIT_MS });
  return JSON.parse(stdout);
}

async function measureAll(budgets) {
  const figures = {};
  if (process.versions.node.split('.')[0] === NODE_MAJOR) {
    for (const path of Object.keys(paths)) figures[path] = await measure(...FLAGS, CHILD, path);
  } else {
    skipped(
      `code and bytes on Node ${process.versions.node}: their budgets are for Node ${NODE_MAJOR}, and other versions count otherwise`,
    );
  }
  if (whyUncounted === undefined) {
    for (const [path, retries] of Object.entries(RETRIES)) {
      const enough = (budgets?.[path]?.systemCalls ?? 0) * (1 + TOLERANCE);
      figures[path] = { ...figures[path], ...(await measure(CALLS_CHILD, String(retries), String(enough))) };
    }
  } else {
    skipped(`reads and writes: ${whyUncounted}`);
  }
  for (const measured of Object.values(figures))
    for (const [unit, figure] of Object.entries(measured)) measured[unit] = Number(figure.toPrecision(4));
  return figures;
}

function skipped(what) {
  console.log(`guard: skipped ${what}`);
}

function check(figures, budgets) {
  let above = 0;
  let within = 0;
  for (const [path, measured] of Object.entries(figures)) {
    for (const [unit, figure] of Object.entries(measured)) {
      const budget = budgets[path]?.[unit] ?? 0;
      const growth = figure / budget - 1;
      const isAbove = growth > TOLERANCE;
      if (isAbove) above += 1;
      else within += 1;
      const remark = growth < -TOLERANCE ? ': the budget can be lowered (--write)' : '';
      console.log(`${isAbove ? '✗' : ' '} ${path}: ${shown(figure)} ${UNITS[unit]}, budget ${shown(budget)}, ${percent(growth)}${remark}`);
    }
  }
  if (above === 0) {
    console.log(`guard: ${within} figures within budget`);
    return;
  }
  process.exitCode = 1;
  console.log(
    `guard: ${above} figures are more than ${TOLERANCE * 100} % above budget, ${within} are within. Find out what the change does for each ` +
      'task, and undo it; if it is worth that, say so in its commit, with new budgets: node bench/guard.js --write',
  );
}

const budgets = JSON.parse(readFileSync(BUDGETS, 'utf8'));
const isWriting = process.argv.includes('--write');
const figures = await measureAll(isWriting ? undefined : budgets);
if (isWriting) {
  // What was skipped keeps its budget.
  for (const [path, measured] of Object.entries(figures)) budgets[path] = { ...budgets[path], ...measured };
  writeFileSync(BUDGETS, `${JSON.stringify(budgets, undefined, 2)}\n`);
}
check(figures, budgets);
