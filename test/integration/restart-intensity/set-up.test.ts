/**
 * A mistake in the set-up breaks the pool with the first death. The error has the file, the reason,
 * the remedy, and the system's error as its cause.
 */
import { spawnSync } from 'node:child_process';
import { realpathSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { PoolBrokenError, type PoolOptions } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, newFolder, newPool, next, rejection, useKit } from '../../kit/pools.js';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const knowsTypeScript = major > 22 || (major === 22 && minor >= 18);

/** How the pool breaks over these files; the module is the first of them. */
async function breaks(
  files: Record<string, string>,
  options: PoolOptions = {},
): Promise<{ error: PoolBrokenError; spawned: number; module: string }> {
  const folder = newFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
  const module = `${folder}/${Object.keys(files)[0] ?? 'nothing-here.mjs'}`;
  const pool = newPool({ module, size: 1, restart: { probeMs: false }, ...options });
  const error = (await rejection(pool.run('noop'))) as unknown as PoolBrokenError;
  expect(error).toBeInstanceOf(PoolBrokenError);
  return { error, spawned: pool.stats().spawned, module };
}

describe('a boot that cannot succeed breaks the pool with the first death', () => {
  useKit();

  test('a missing module', async () => {
    const { error, spawned, module } = await breaks({});
    expect(spawned).toBe(1);
    expect(error.message).toContain(module);
    expect(error.message).toMatch(/option module/);
    expect(error.cause).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' });
  });

  test('a missing dependency', async () => {
    const { error, spawned } = await breaks({ 'tasks.mjs': "import 'everpool-no-such-package';" });
    expect(spawned).toBe(1);
    expect(error.message).toMatch(/'everpool-no-such-package'.*Install it/s);
  });

  test.each<[string, Record<string, string>, string]>([
    ['of its own', { 'tasks.mjs': 'export const a = ;' }, 'tasks.mjs:1'],
    ['in what it imports', { 'tasks.mjs': "import './lib.mjs';", 'lib.mjs': '\n\nexport const a = ;' }, 'lib.mjs:3'],
    [
      'an export that another module lacks',
      { 'tasks.mjs': "import { no } from './lib.mjs';", 'lib.mjs': 'export const a = 1;' },
      'tasks.mjs:1',
    ],
    ['in CommonJS', { 'tasks.cjs': 'module.exports = { a: ; }' }, 'tasks.cjs:1'],
  ])('a syntax error %s, with its place', async (_, files, where) => {
    const { error, spawned } = await breaks(files);
    expect(spawned).toBe(1);
    expect(error.message).toMatch(/SyntaxError/);
    expect(error.message).toContain(where);
    expect(error.cause).toBeInstanceOf(SyntaxError);
  });

  test('a syntax error in a module that handles uncaught errors', async () => {
    const lib = "process.on('uncaughtException', () => {});";
    const { error, spawned } = await breaks({
      'tasks.mjs': "import './lib.mjs'; await import('./bad.mjs');",
      'lib.mjs': lib,
      'bad.mjs': 'a b',
    });
    expect(spawned).toBe(1);
    expect(error.cause).toBeInstanceOf(SyntaxError);
  });

  test('TypeScript that this Node does not run', async () => {
    const text = knowsTypeScript ? 'export enum Colour { Red }' : 'export const noop = (): void => {};';
    const { error, spawned, module } = await breaks({ 'tasks.mts': text });
    expect(spawned).toBe(1);
    expect(error.message).toContain(module);
    expect(error.message).toMatch(/execArgv: \['--import', 'tsx'\]/);
    if (!knowsTypeScript) expect(error.message).toMatch(/Node >= 22\.18/);
    expect(error.cause).toMatchObject({ code: expect.stringMatching(/TYPESCRIPT|UNKNOWN_FILE_EXTENSION/) });
  });

  test.each<[string, PoolOptions, RegExp]>([
    ['an unknown option of Node', { execArgv: ['--no-such-option'] }, /bad option: --no-such-option.*execArgv/s],
    ['a missing preload', { execArgv: ['--import', 'everpool-no-such-package'] }, /Cannot find package 'everpool-no-such-package'/],
    ['a missing required file', { execArgv: ['--require', '/no/such/file.cjs'] }, /Cannot find module '\/no\/such\/file\.cjs'/],
    ['a missing folder', { cwd: '/no/such/folder' }, /ENOENT.*cwd does not exist/],
    ['an environment larger than the system allows', { env: { BIG: 'x'.repeat(4_000_000) } }, /E2BIG.*env, argv and execArgv/],
  ])('%s', async (_, options, words) => {
    const { error, spawned } = await breaks({ 'tasks.mjs': 'export const noop = () => {};' }, options);
    expect(spawned).toBe(1);
    expect(error.message).toMatch(words);
    if (error.death.cause === 'spawn') expect(error.cause).toMatchObject({ code: expect.stringMatching(/ENOENT|E2BIG/) });
  });

  test('a file outside the permission of the worker', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/data.json`, '{}');
    const text = `import { readFileSync } from 'node:fs'; readFileSync('${folder}/data.json'); export const noop = () => {};`;
    const { error, spawned } = await breaks({ 'tasks.mjs': text }, { permission: {} });
    expect(spawned).toBe(1);
    expect(error.message).toMatch(/FileSystemRead/);
    expect(error.message).toContain(`${folder}/data.json`);
    expect(error.message).toMatch(/fsRead/);
    expect(error.cause).toMatchObject({ code: 'ERR_ACCESS_DENIED', permission: 'FileSystemRead' });
  });

  describe("in a program under Node's permission model", () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
    const program = fileURLToPath(fixture('program-under-permission.js'));
    const root = fileURLToPath(new URL('../../../', import.meta.url));
    // The folder of the package, and what it links to.
    const reads = [...new Set([root, `${realpathSync(`${root}/node_modules`)}/`])].map((folder) => `--allow-fs-read=${folder}*`);
    const run = (...allowed: string[]) => {
      const { stdout, stderr } = spawnSync(process.execPath, [flag, ...reads, ...allowed, program], { encoding: 'utf8', cwd: root });
      expect(stdout, stderr).not.toBe('');
      return JSON.parse(stdout);
    };

    test('the error names the missing permission and the resource', () => {
      const folder = `${tmpdir()}/*`;
      const denied = run('--allow-child-process');
      expect(denied).toMatchObject({
        spawned: 1,
        cause: { code: 'ERR_ACCESS_DENIED', permission: expect.stringMatching(/^FileSystem(Write|Read)$/) },
      });
      expect(denied.message).toContain(`the permission ${denied.cause.permission} is missing for ${denied.cause.resource}`);
      expect(denied.message).toContain(`--allow-fs-write=${folder}`);
      const childless = run(`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`);
      expect(childless).toMatchObject({ spawned: 1, cause: { code: 'ERR_ACCESS_DENIED', permission: 'ChildProcess' } });
      expect(childless.message).toMatch(/--allow-child-process/);
    });

    test('with these permissions it works', () => {
      const folder = `${tmpdir()}/*`;
      expect(run(`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`, '--allow-child-process')).toEqual({ spawned: 1 });
    });
  });

  test('revive() reopens it once repaired; before, the first death breaks it again', async () => {
    const file = `${newFolder()}/tasks.mjs`;
    const pool = newPool({ module: file, size: 1, restart: { probeMs: false } });
    await next(pool, 'broken');
    pool.revive();
    await next(pool, 'broken');
    expect(pool.stats().spawned).toBe(2);
    writeFileSync(file, 'export const noop = () => 1;');
    pool.revive();
    expect(await pool.run('noop')).toBe(1);
  });

  test('the probe reopens it once repaired', async () => {
    const file = `${newFolder()}/tasks.mjs`;
    const pool = newPool({ module: file, size: 2, restart: { probeMs: 100 } });
    await next(pool, 'broken');
    writeFileSync(file, 'export const noop = () => 1;');
    await next(pool, 'recovered');
    expect(await pool.run('noop')).toBe(1);
  });

  test.each([
    ['a module that throws', 'throw new Error("no database");'],
    ['a hook that throws', `import { onStart } from 'everpool/worker'; onStart(() => { throw new Error('no database'); });`],
    ['a module that parses what it was sent', 'JSON.parse("<html>");'],
  ])('%s may succeed the next time, so it is tried again', async (_, text) => {
    const { error, spawned } = await breaks(
      { 'tasks.mjs': text.replace('everpool/worker', import.meta.resolve('everpool/worker')) },
      { restart: { intensity: 2, probeMs: false, backoff: { initialMs: 1 } } },
    );
    expect(spawned).toBe(3);
    expect(error.message).toMatch(/keep dying/);
  });

  test('a module that was ready once is tried again, whatever breaks it later', async () => {
    const file = `${newFolder()}/tasks.mjs`;
    writeFileSync(file, 'export const noop = () => 1;');
    const pool = newPool({ module: file, size: 1, restart: { intensity: 1, probeMs: false, backoff: { initialMs: 1 } } });
    await pool.ready();
    writeFileSync(file, 'export const noop = ;');
    const broken = next(pool, 'broken');
    process.kill(pool.workers()[0]?.pid as number, 'SIGKILL');
    await broken;
    expect(pool.stats().deaths).toBe(2);
  });
});
