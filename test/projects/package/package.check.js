/** The tarball: what is in it, and its command beside nothing but its dependencies. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { node, packageFile } from '../kit.js';

const DEPENDENCIES = ['eventemitter3', 'p-queue'];
const everpool = packageFile('everpool');
const files = readdirSync(everpool, { recursive: true }).map((file) => file.replaceAll('\\', '/'));
const textOf = (file) => readFileSync(join(everpool, file), 'utf8');

const folder = mkdtempSync(join(tmpdir(), 'everpool-package-'));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, 'node_modules'));
for (const name of ['everpool', 'p-timeout', ...DEPENDENCIES])
  cpSync(packageFile(name), join(folder, 'node_modules', name), { recursive: true });
writeFileSync(join(folder, 'tasks.mjs'), 'export const square = (n) => n * n;\n');
const command = (...args) => node(folder, ['node_modules/everpool/dist/cli/main.js', ...args]);

test('it depends on two packages', () => {
  assert.deepEqual(Object.keys(JSON.parse(textOf('package.json')).dependencies).sort(), DEPENDENCIES);
});

test('it declares its public names alone', () => {
  const declarations = files.filter((file) => file.endsWith('.d.ts')).sort();
  assert.deepEqual(declarations, ['dist/cluster/index.d.ts', 'dist/index.d.ts', 'dist/testing/index.d.ts', 'dist/worker/index.d.ts']);
  for (const file of declarations) assert.doesNotMatch(textOf(file), /@internal/);
});

test('it has no source, no test and no source map', () => {
  assert.deepEqual(
    files.filter((file) => /^(src|test|scripts)\/|\.map$|(?<!\.d)\.ts$/.test(file)),
    [],
  );
});

test('it names the licence of each package that is bundled', () => {
  const licenses = textOf('dist/THIRD-PARTY-LICENSES.txt');
  for (const name of ['commander', 'cli-progress', 'string-width', ...DEPENDENCIES])
    assert.match(licenses, new RegExp(`^${name} \\d`, 'm'));
});

test('its command shows its help', async () => {
  const { code, stdout, stderr } = await command('--help');
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /^Usage: everpool/);
});

test('its command runs tasks', async () => {
  const { code, stdout } = await command('map', './tasks.mjs#square', '--args', '1', '2', '3', '--ordered', '--quiet');
  assert.equal(code, 0);
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).value),
    [1, 4, 9],
  );
});

test('its demo runs', async () => {
  // The demo packs what lies beside everpool: enough for workers to be killed meanwhile.
  cpSync(packageFile('typescript'), join(folder, 'node_modules/typescript'), { recursive: true });
  const { code, stdout, stderr } = await command('demo');
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.match(stdout, /Both runs gave the same result; no process is left\.\n$/);
});
