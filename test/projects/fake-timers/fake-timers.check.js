/** Test suites that use a pool while their timers are fake, run by the runners themselves. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { node, packageFile } from '../kit.js';

const folder = join(import.meta.dirname, 'suites');

async function expectPasses(args, env = {}) {
  const { code, stdout, stderr } = await node(folder, args, { env });
  assert.equal(code, 0, stdout + stderr);
}

test('vitest', () => expectPasses([packageFile('vitest/vitest.mjs'), 'run', '--root', folder, '--dir', folder, 'fake.vitest.js']));

test('jest, with modern and with legacy timers', () =>
  expectPasses(
    [packageFile('jest/bin/jest.js'), '--rootDir', folder, '--testRegex', 'fake\\.jest\\.js$', '--transform', '{}', '--watchman=false'],
    { NODE_OPTIONS: '--experimental-vm-modules' },
  ));

test('node:test', () => expectPasses(['--test', join(folder, 'fake.node.js')]));

test('sinon', () => expectPasses(['--test', join(folder, 'fake.sinon.js')]));
