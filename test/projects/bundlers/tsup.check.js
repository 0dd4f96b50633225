import { test } from 'node:test';
import { build } from 'tsup';
import { expectWorks, out, src } from './expected.js';

async function bundle(name, entry, options) {
  const outDir = out(`tsup-${name}`);
  await build({
    entry,
    outDir,
    config: false,
    silent: true,
    clean: true,
    target: 'node20',
    noExternal: [/.*/],
    outExtension: () => ({ js: '.js' }),
    ...options,
  });
  return outDir;
}

test('ES modules, the program and its task module', async () => {
  await expectWorks(await bundle('esm', [src('main.js'), src('tasks.js')], { format: 'esm' }), 'main.js');
});

test('CommonJS, the program and its task module', async () => {
  await expectWorks(await bundle('cjs', [src('main-by-path.js'), src('tasks.js')], { format: 'cjs' }), 'main-by-path.js', {
    type: 'commonjs',
  });
});
