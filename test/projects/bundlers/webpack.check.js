import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import webpack from 'webpack';
import { expectWorks, out, src } from './expected.js';

async function bundle(name, entry, options) {
  const path = out(`webpack-${name}`);
  const output = { path, filename: '[name].js', ...options.output };
  const stats = await promisify(webpack)({
    mode: 'production',
    optimization: { minimize: name === 'one' },
    target: 'node20.19',
    entry,
    ...options,
    output,
  });
  assert.deepEqual(stats.toJson({ all: false, errors: true }).errors, []);
  return path;
}

/** webpack writes the place of the source for `import.meta.url` and `__dirname`, unless it is told to leave them alone. */
const esm = {
  experiments: { outputModule: true },
  module: { parser: { javascript: { importMeta: false, url: false } } },
  output: { module: true, library: { type: 'module' }, chunkFormat: 'module' },
};
const cjs = { node: { __dirname: false, __filename: false }, output: { library: { type: 'commonjs2' } } };

test('ES modules, the program and its task module', async () => {
  await expectWorks(await bundle('esm', { main: src('main.js'), tasks: src('tasks.js') }, esm), 'main.js');
});

test('ES modules, one file', async () => {
  await expectWorks(await bundle('one', { 'one-file': src('one-file.js') }, esm), 'one-file.js');
});

test('CommonJS, the program and its task module, built on another machine', async () => {
  const folder = await bundle('cjs', { 'main-by-path': src('main-by-path.js'), tasks: src('tasks.js') }, cjs);
  const file = join(folder, 'main-by-path.js');
  const text = readFileSync(file, 'utf8');
  assert.match(text, /file:\/\/\/\S+\/node_modules\/everpool\//);
  writeFileSync(file, text.replace(/file:\/\/\/\S+\/node_modules\/everpool\//g, 'file:///elsewhere/'));
  await expectWorks(folder, 'main-by-path.js', { type: 'commonjs' });
});
