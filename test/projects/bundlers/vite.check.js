import { test } from 'node:test';
import { build } from 'vite';
import { expectWorks, out, src } from './expected.js';

async function bundle(name, entries, ssr) {
  const outDir = out(`vite-${name}`);
  const input = Object.fromEntries(entries.map((entry) => [entry, src(`${entry}.js`)]));
  await build({
    configFile: false,
    logLevel: 'error',
    root: import.meta.dirname,
    ssr: { target: 'node', ...ssr },
    build: { ssr: true, outDir, emptyOutDir: true, target: 'node20', rollupOptions: { input, output: { entryFileNames: '[name].js' } } },
  });
  return outDir;
}

test('SSR with everpool left outside', async () => {
  await expectWorks(await bundle('external', ['main', 'tasks']), 'main.js', { isMoved: false });
});

test('SSR with noExternal', async () => {
  await expectWorks(await bundle('inside', ['main', 'tasks'], { noExternal: true }), 'main.js');
});

test('SSR with noExternal, one file', async () => {
  await expectWorks(await bundle('one', ['one-file'], { noExternal: true }), 'one-file.js');
});
