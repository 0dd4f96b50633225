/** pnpm's layout: node_modules holds links, and what everpool depends on is seen by everpool alone. */
import assert from 'node:assert/strict';
import { cpSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { expectWorks } from '../bundlers/expected.js';
import { node, packageFile } from '../kit.js';

const folder = join(import.meta.dirname, 'app');

before(async () => {
  mkdirSync(folder, { recursive: true });
  cpSync(join(import.meta.dirname, '../bundlers/src'), folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies: { everpool: 'file:../../everpool.tgz' } }),
  );
  writeFileSync(join(folder, 'pnpm-workspace.yaml'), 'packages: []\n');
  const args = ['install', '--ignore-scripts', '--no-frozen-lockfile', '--store-dir', join(import.meta.dirname, 'store')];
  const { code, stdout, stderr } = await node(folder, [packageFile('pnpm/bin/pnpm.cjs'), ...args]);
  assert.equal(code, 0, stdout + stderr);
});

test('the package is a link, and nothing of its own lies beside it', () => {
  assert.ok(lstatSync(join(folder, 'node_modules/everpool')).isSymbolicLink());
  assert.deepEqual(
    readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.')),
    ['everpool'],
  );
});

test('a program beside its task module', () => expectWorks(folder, 'main.js', { isMoved: false }));

test('a program that keeps links as they are', async () => {
  await expectWorks(folder, 'main.js', { isMoved: false, env: { NODE_OPTIONS: '--preserve-symlinks' } });
});
