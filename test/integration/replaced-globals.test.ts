/**
 * Programs and tasks that replace what their process has: every global, and the functions of the built-in objects, one after the other, by what
 * throws, by what gives nothing, and by nothing. The programs are test/fixtures/globals: each says what went otherwise than without.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fixture, useKit } from '../kit.js';

const LIMIT_MS = 300_000; // it only ends what hangs

/** What nothing can be done about: a right result or an error, never the wrong one, never none, and well again once it is restored. */
const BEYOND_REACH: Record<string, string> = {
  'Array[Symbol.species]': 'slice, map and filter look it up',
  'Array.prototype.pop': "Node's async hooks call it",
  'Buffer.prototype.utf8Slice': 'Buffer.prototype.toString calls it',
  'TypedArray.prototype.length': 'Node reads it of every buffer',
  'TypedArray.prototype.byteLength': 'Node reads it of every buffer',
  'Promise[Symbol.species]': 'then looks it up',
  'Promise.prototype.then': 'without it, what an async task gives is no promise',
  'Array.prototype[Symbol.iterator]': 'map goes through the items of the program by it',
  'ArrayIterator.prototype.next': 'map goes through the items of the program by it',
};

/** What `spawn` of Node looks up, and the `then` that `await` needs where `constructor` is another. */
const OF_NODE = /^(process\.(platform|_exiting|nextTick|execArgv)|Promise\.prototype\.constructor|Array\.prototype\.pop)$/;
const MAIN = /^(globalThis|performance|Performance|Promise|Object|Math|JSON|Reflect|Error|process)\b/;

interface Finding {
  readonly name: string;
  readonly names?: readonly string[];
  readonly how: string;
  readonly step: string;
  readonly got: string;
  readonly expected?: string;
  readonly replaced?: number;
}

useKit();

async function findingsOf(program: string, ...args: string[]): Promise<Finding[]> {
  const path = fileURLToPath(fixture(`globals/${program}`));
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args], { timeout: LIMIT_MS, maxBuffer: 2 ** 24 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Finding);
}

/** A symbol that Node keeps on an object of its own is no name of the program's. */
const isReachable = ({ name }: Finding): boolean => !(name in BEYOND_REACH) && !/^performance\[/.test(name);

for (const side of ['parent', 'worker']) {
  it(`what is replaced in the ${side} changes no result`, { timeout: LIMIT_MS }, async () => {
    const findings = await findingsOf('program.js', side);
    const { replaced = 0 } = findings.pop() as Finding;
    expect(replaced).toBeGreaterThan(3000);
    expect(findings.filter(isReachable)).toEqual([]);
    for (const { got, step, how } of findings) {
      expect(got).not.toBe('nothing came');
      if (step !== 'uncaught') expect(got).toMatch(/^it failed: /);
      expect(how).not.toMatch(/restored$/);
    }
  });
}

for (const how of ['throws', 'nothing', 'gone']) {
  it(`a pool is made, times out, cancels, is bereaved and closed while globals are replaced (${how})`, { timeout: LIMIT_MS }, async () => {
    const [whole, ...findings] = await findingsOf('whole.js', how, MAIN.source, OF_NODE.source);
    expect(JSON.parse(whole?.expected ?? '')).toMatchObject({
      sum: 3,
      late: 'ERR_EVERPOOL_TIMEOUT',
      cancelled: 'ERR_EVERPOOL_CANCELLED',
      other: 7,
    });
    expect((findings.pop() as Finding).replaced).toBeGreaterThan(300);
    expect(findings).toEqual([]);
  });
}

it('a pool does all that while everything is frozen, in its worker too', { timeout: LIMIT_MS }, async () => {
  const [whole] = await findingsOf('whole.js', 'frozen', '^$');
  expect(JSON.parse(whole?.expected ?? '')).toEqual({
    sum: 3,
    late: 'ERR_EVERPOOL_TIMEOUT',
    cancelled: 'ERR_EVERPOOL_CANCELLED',
    other: 7,
    frozen: true,
    state: 'closed',
  });
});
