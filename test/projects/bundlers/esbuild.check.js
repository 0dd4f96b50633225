import { test } from 'node:test';
import { build } from 'esbuild';
import { expectPrints, expectWorks, out, src } from './expected.js';

async function bundle(name, entries, options) {
  const outdir = out(`esbuild-${name}`);
  await build({ entryPoints: entries, outdir, bundle: true, platform: 'node', target: 'node20.19', logLevel: 'error', ...options });
  return outdir;
}

test('ES modules, the program and its task module', async () => {
  const folder = await bundle('esm', [src('main.js'), src('tasks.js')], { format: 'esm' });
  await expectWorks(folder, 'main.js');
});

test('ES modules, minified, with shared chunks', async () => {
  const folder = await bundle('split', [src('main.js'), src('tasks.js')], {
    format: 'esm',
    minify: true,
    keepNames: true,
    splitting: true,
  });
  await expectWorks(folder, 'main.js');
});

test('ES modules, one file', async () => {
  const folder = await bundle('one', [src('one-file.js')], { format: 'esm' });
  await expectWorks(folder, 'one-file.js');
});

test('CommonJS, the program and its task module', async () => {
  const folder = await bundle('cjs', [src('main-by-path.js'), src('tasks.js')], { format: 'cjs' });
  await expectWorks(folder, 'main-by-path.js', { type: 'commonjs' });
});

test('CommonJS, one file', async () => {
  const folder = await bundle('cjs-one', [src('one-file-by-path.js')], { format: 'cjs' });
  await expectWorks(folder, 'one-file-by-path.js', { type: 'commonjs' });
});

test('everpool left outside', async () => {
  const folder = await bundle('external', [src('main.js'), src('tasks.js')], { format: 'esm', packages: 'external' });
  await expectWorks(folder, 'main.js', { isMoved: false });
});

test('a task module that was not built: the pool breaks with the first deaths and names the file', async () => {
  const folder = await bundle('lost', [src('lost.js')], { format: 'esm' });
  await expectPrints(folder, 'lost.js', { spawned: true, code: 'ERR_EVERPOOL_BROKEN', namesFile: true });
});

test('workers that may read nothing but their task module', async () => {
  const folder = await bundle('confined', [src('confined.js'), src('tasks.js')], { format: 'esm' });
  await expectPrints(folder, 'confined.js', { sum: 3, denied: 'ERR_ACCESS_DENIED' });
});
