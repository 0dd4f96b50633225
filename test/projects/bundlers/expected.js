import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { node } from '../kit.js';

/** What program.js prints, bundled or not. */
const EXPECTED = {
  sum: 3,
  attempt: [1, 1],
  isWorker: true,
  argv: ['--given'],
  execArgv: [],
  globals: ['undefined', 'undefined', 'undefined', 'object', false],
  mapped: [2, 3, 4],
  thrown: [true, 'boom', 'E_BOOM'],
  yielded: [0, 1, 2],
  died: 3,
  late: true,
  stopped: true,
  spawnedOften: false,
};

export const src = (name) => join(import.meta.dirname, 'src', name);
export const out = (name) => join(import.meta.dirname, 'out', name);

/** Runs program.js as it was built. */
export async function expectWorks(folder, file, options) {
  await expectPrints(folder, file, EXPECTED, options);
}

/** Runs a built program, and by default far from any node_modules, so that it has nothing but itself. */
export async function expectPrints(folder, file, expected, { type = 'module', isMoved = true, env = {} } = {}) {
  if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  const place = isMoved ? mkdtempSync(join(tmpdir(), 'everpool-built-')) : folder;
  try {
    if (isMoved) cpSync(folder, place, { recursive: true });
    const { code, stdout, stderr } = await node(place, [file], { env });
    assert.equal(stderr.slice(-1000), '');
    assert.deepEqual(JSON.parse(stdout), expected);
    assert.equal(code, 0);
  } finally {
    if (isMoved) rmSync(place, { recursive: true });
  }
}
