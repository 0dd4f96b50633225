/**
 * Programs and tasks that replace every global and every function of the built-in objects, one
 * after the other: by what throws, by what returns nothing, and by deleting it. The programs in
 * test/fixtures/globals report every difference.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fixture, isRunning, until, useKit } from '../../kit/pools.js';

const LIMIT_MS = 300_000; // it only ends what hangs

/**
 * Out of reach of the pool: the result is right or an error, and all is well once the global is
 * restored.
 */
const BEYOND_REACH: Record<string, string> = {
  'Array[Symbol.species]': 'slice, map and filter look it up',
  'Array.prototype.pop': "Node's async hooks call it",
  'Buffer.prototype.utf8Slice': 'Buffer.prototype.toString calls it',
  'TypedArray.prototype.length': 'Node reads it of every buffer',
  'TypedArray.prototype.buffer': 'Node reads it of every buffer',
  'TypedArray.prototype.byteLength': 'Node reads it of every buffer',
  'TypedArray.prototype.byteOffset': 'Node reads it of every buffer',
  'Promise[Symbol.species]': 'then looks it up',
  'Promise.prototype.then': 'without it, what an async task gives is no promise',
  'Array.prototype[Symbol.iterator]': 'map goes through the items of the program by it',
  'ArrayIterator.prototype.next': 'map goes through the items of the program by it',
};

/**
 * What Node's `spawn` and `then` look up, and what `await` needs where `constructor` is another.
 */
const OF_NODE =
  /^(performance\[.*|process\.(platform|_exiting|nextTick|execArgv|env)|Promise\[Symbol\.species\]|Promise\.prototype\.constructor|Array\.prototype\.pop)$/;
/**
 * What a pool uses while it is made and ended, in parts that run side by side, because they mostly
 * wait.
 */
const MAIN = ['globalThis', 'performance|Performance|Promise|Object|Math', 'JSON|Reflect|Error', 'process'];
const SLICES = 6;

interface Finding {
  readonly name: string;
  readonly names?: readonly string[];
  readonly how: string;
  readonly step: string;
  readonly got: string;
  readonly expected?: string;
  readonly replaced?: number;
  /** The number of tries before an uncaught exception ended the program. */
  readonly tried?: number;
  /** The pids of all its workers. */
  readonly workers?: readonly number[];
}

useKit();

interface Findings {
  readonly findings: readonly Finding[];
  readonly replaced: number;
}

/**
 * What the program found, run once with each list of arguments, all at the same time. None of its
 * workers is left.
 */
async function findingsOf(program: string, runs: readonly (readonly string[])[]): Promise<Findings> {
  const path = fileURLToPath(fixture(`globals/${program}`));
  const findings: Finding[] = [];
  let replaced = 0;
  const run = async (args: readonly string[]): Promise<void> => {
    const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], { timeout: LIMIT_MS, maxBuffer: 2 ** 24 });
    const lines = stdout.trimEnd().split('\n');
    const found = lines.map((line) => JSON.parse(line) as Finding);
    const last = found.pop();
    expect(last?.workers).not.toHaveLength(0);
    replaced += last?.replaced ?? 0;
    findings.push(...found);
    await until('the workers have ended', () => last?.workers?.some(isRunning) !== true);
    if (last?.tried !== undefined) await run([...args.slice(0, 3), `${last.tried}`]);
  };
  await Promise.all(runs.map(run));
  return { findings, replaced };
}

/** Symbols on Node's own objects are not names that a program uses. */
const isReachable = ({ name }: Finding): boolean => !(name in BEYOND_REACH) && !/^performance\[/.test(name);

for (const side of ['parent', 'worker']) {
  it(`replacing any global in the ${side} changes no result`, { timeout: LIMIT_MS }, async () => {
    const slices = Array.from({ length: SLICES }, (_, index) => [side, `${index}`, `${SLICES}`]);
    const { findings, replaced } = await findingsOf('program.js', slices);
    expect(replaced).toBeGreaterThan(3000);
    expect(findings.filter(isReachable)).toEqual([]);
    for (const { got, step, how } of findings) {
      if (step === 'uncaught')
        // Node's own code threw, at the root of the stack.
        expect(got).not.toMatch(/[\\/]dist[\\/]/);
      else expect(got).toMatch(/^it failed: /);
      expect(how).not.toMatch(/restored$/);
    }
  });
}

const WELL = { sum: 3, late: 'ERR_EVERPOOL_TIMEOUT', cancelled: 'ERR_EVERPOOL_CANCELLED', other: 7, state: 'closed' };
const isWhole = ({ expected }: Finding): boolean => expected !== undefined;

for (const how of ['throws', 'nothing', 'deleted']) {
  it(`a pool is made, times out, cancels, loses a worker and closes while globals are replaced (${how})`, {
    timeout: LIMIT_MS,
  }, async () => {
    const parts = MAIN.map((names) => [how, `^(${names})\\b`, OF_NODE.source]);
    const { findings, replaced } = await findingsOf('whole.js', parts);
    for (const { expected = '' } of findings.filter(isWhole)) expect(JSON.parse(expected)).toEqual({ ...WELL, frozen: false });
    expect(replaced).toBeGreaterThan(300);
    expect(findings.filter((finding) => !isWhole(finding))).toEqual([]);
  });
}

it('a pool does the same while everything is frozen, in its worker too', { timeout: LIMIT_MS }, async () => {
  const { findings } = await findingsOf('whole.js', [['frozen', '^$']]);
  expect(JSON.parse(findings[0]?.expected ?? '')).toEqual({ ...WELL, frozen: true });
});
