/** What a program without a cluster loads of it, and what it reads when its packages are missing. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { newFolder, useKit } from '../../kit/pools.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Prints the URL of each module that is loaded after it, by `import` or by `require`. */
const RECORDER = `
import { createRequire, register } from 'node:module';
const hook = \`import { writeSync } from 'node:fs';
export const load = (url, context, next) => { writeSync(1, url + '\\\\n'); return next(url, context); };\`;
register('data:text/javascript,' + encodeURIComponent(hook));
const { cache } = createRequire('/');
process.on('exit', () => Object.keys(cache).forEach((file) => console.log(file)));
`;

function loadedBy(code: string): string[] {
  const recorder = `data:text/javascript,${encodeURIComponent(RECORDER)}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', recorder, '--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout.split('\n').filter((line) => line !== '');
}

const OF_CLUSTER = /dist\/cluster\/|node_modules\/(bullmq|ioredis|pg)\//;

describe('a program without a cluster', () => {
  useKit();

  test("import 'everpool' loads nothing of the cluster, and 'everpool/cluster' no driver before a store is opened", () => {
    const plain = loadedBy("import { Pool } from 'everpool'; await new Pool().close();");
    expect(plain.some((file) => file.endsWith('dist/index.js'))).toBe(true);
    expect(plain.filter((file) => OF_CLUSTER.test(file))).toEqual([]);
    const clustered = loadedBy("import 'everpool/cluster';");
    expect(clustered.some((file) => file.endsWith('dist/cluster/index.js'))).toBe(true);
    expect(clustered.filter((file) => /node_modules\/(bullmq|ioredis|pg)\//.test(file))).toEqual([]);
    const opened = loadedBy(
      "import { Cluster } from 'everpool/cluster'; new Cluster({ connection: { redis: 'redis://127.0.0.1:1' } }); process.exit();",
    );
    expect(opened.some((file) => file.includes('node_modules/bullmq/'))).toBe(true);
  });

  test('without the packages, a client, a host and the command name what to install', () => {
    const folder = newFolder();
    const installed = `${folder}/node_modules/everpool`;
    mkdirSync(installed, { recursive: true });
    const pack = spawnSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
    expect(pack.status, pack.stderr).toBe(0);
    const unpack = spawnSync('tar', ['-xzf', `${folder}/${pack.stdout.trim()}`, '--strip-components=1', '-C', installed]);
    expect(unpack.status).toBe(0);
    writeFileSync(`${folder}/tasks.mjs`, 'export const add = (a, b) => a + b;');
    writeFileSync(
      `${folder}/program.mjs`,
      `import { OptionsError } from 'everpool';
      import { Cluster, serve } from 'everpool/cluster';
      for (const connection of [{ redis: 'redis://127.0.0.1:1' }, { postgres: 'postgres://127.0.0.1:1/x' }]) {
        for (const open of [() => new Cluster({ connection }), () => serve(new URL('./tasks.mjs', import.meta.url), { connection })]) {
          try {
            await open();
            console.log('opened');
          } catch (error) {
            console.log(error instanceof OptionsError, error.code, error.message);
          }
        }
      }`,
    );
    const run = (...args: string[]) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', timeout: 60_000 });
    const { stdout, stderr, status } = run('program.mjs');
    expect(status, stderr).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).toMatch(/^true ERR_EVERPOOL_OPTIONS .*npm install .*bullmq/);
    const command = run(`${installed}/dist/cli/main.js`, 'serve', 'tasks.mjs', '--connect', 'redis://:hidden@127.0.0.1:1');
    expect([command.status, command.stdout]).toEqual([2, '']);
    expect(command.stderr).toMatch(/^everpool: .*npm install .*bullmq/);
    expect(command.stderr).not.toContain('hidden');
  });
});
