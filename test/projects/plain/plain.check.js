/** The package as it is: no bundler. The others compare with it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { node } from '../kit.js';

const folder = import.meta.dirname;

test('a program that imports the packed tarball runs its tasks', async () => {
  assert.deepEqual(await node(folder, ['main.js']), {
    code: 0,
    stdout: '{"sum":3,"started":{"from":"main"},"isWorker":true,"context":1}\n',
    stderr: '',
  });
});
