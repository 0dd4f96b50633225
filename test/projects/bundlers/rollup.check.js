import { test } from 'node:test';
import commonjs from '@rollup/plugin-commonjs';
import resolve from '@rollup/plugin-node-resolve';
import { rollup } from 'rollup';
import { expectWorks, out, src } from './expected.js';

async function bundle(name, input, output) {
  const build = await rollup({ input, plugins: [resolve({ preferBuiltins: true, exportConditions: ['node'] }), commonjs()] });
  const dir = out(`rollup-${name}`);
  await build.write({ dir, ...output });
  await build.close();
  return dir;
}

test('ES modules, the program and its task module', async () => {
  await expectWorks(await bundle('esm', [src('main.js'), src('tasks.js')], { format: 'es' }), 'main.js');
});

test('ES modules, one file', async () => {
  await expectWorks(await bundle('one', [src('one-file.js')], { format: 'es' }), 'one-file.js');
});

test('ES modules, each module a file', async () => {
  const folder = await bundle('modules', [src('main.js'), src('tasks.js')], {
    format: 'es',
    preserveModules: true,
    preserveModulesRoot: src('.'),
  });
  await expectWorks(folder, 'main.js');
});

test('CommonJS, the program and its task module', async () => {
  await expectWorks(await bundle('cjs', [src('main-by-path.js'), src('tasks.js')], { format: 'cjs' }), 'main-by-path.js', {
    type: 'commonjs',
  });
});
