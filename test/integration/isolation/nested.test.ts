/**
 * A pool that its own workers make: it breaks with an explanation and does not recurse for ever.
 * Other pools within pools work.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PoolBrokenError } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, linesOf, newFolder, newPool, rejection, useKit } from '../../kit/pools.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

function run(args: string[], env: Record<string, string> = {}) {
  const { stdout, stderr, status, signal } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    cwd: root,
    env: { ...process.env, ...env },
    timeout: 50_000,
    killSignal: 'SIGKILL',
  });
  return { stdout, stderr, status, signal };
}

describe('a pool made by its own workers', () => {
  useKit();

  const program = fileURLToPath(fixture('program-is-its-own-tasks.js'));

  test.each(['at its top level', 'with an await', 'with another query', 'by a link', 'in a start hook'])(
    'a program that is its own task module, %s: the pool breaks with the first death, and says what to do',
    (way) => {
      const file = join(newFolder(), 'processes');
      const { stdout, stderr, status } = run([program, way, file]);
      expect(stdout, stderr).not.toBe('');
      const reported = JSON.parse(stdout.split('\n')[0] as string);
      expect(reported).toMatchObject({ name: 'PoolBrokenError', code: 'ERR_EVERPOOL_NESTED', spawned: 1 });
      expect(reported.message).toMatch(/isWorker.*module that creates no pool/);
      expect(linesOf(file).length).toBeLessThanOrEqual(3);
      expect(status).not.toBe(99);
    },
  );

  test('a program that makes it one turn later, when the worker is already ready: the same', () => {
    const file = join(newFolder(), 'processes');
    const { stdout, status } = run([program, 'behind a turn', file]);
    // The task may have run before that.
    const reported = JSON.parse(stdout);
    if (reported.sum === undefined) expect(reported.message).toMatch(/isWorker/);
    expect(linesOf(file).length).toBeLessThanOrEqual(3);
    expect(status).toBe(0);
  });

  test.each(['where it is no worker', 'in a task'])('a program that makes it %s works', (way) => {
    const { stdout, stderr } = run([program, way, join(newFolder(), 'processes')]);
    expect(stdout, stderr).toBe('{"sum":42}\n');
  });

  const source = `try { console.log(await pool.run('add', [20, 22])) } catch (error) { console.log(error.message) } finally { await pool.kill() }`;
  const preload = fixture('preload-makes-pool.mjs');

  test.each<[string, string[], Record<string, string>]>([
    ['as an option', ['--import', preload], {}],
    ['by NODE_OPTIONS', [], { NODE_OPTIONS: `--import=${preload}` }],
  ])('a preload that makes a pool (%s): the pool breaks with the first death and says what to do', (_, args, env) => {
    const file = join(newFolder(), 'processes');
    const { stdout, stderr } = run([...args, '--input-type=module', '-e', source], { EVERPOOL_TEST_FILE: file, ...env });
    expect(stdout, stderr).toMatch(/is broken: its workers cannot start.*while it preloads.*preload-makes-pool\.mjs.*execArgv/);
    expect(linesOf(file)).toHaveLength(2);
  });

  test('a preload that makes a pool whose workers do not preload it works', () => {
    const file = join(newFolder(), 'processes');
    const args = ['--import', preload, '--input-type=module', '-e', source];
    const { stdout, stderr } = run(args, { EVERPOOL_TEST_FILE: file, EVERPOOL_TEST_ARGV: '[]' });
    expect(stdout, stderr).toBe('42\n');
  });

  test('two modules that make pools of each other', async () => {
    const file = join(newFolder(), 'processes');
    const pool = newPool({ module: fixture('ring-a.js'), size: 1, env: { EVERPOOL_TEST_FILE: file } });
    const error = await rejection(pool.run('add', [1, 2]));
    expect(error.message).toMatch(/ring-a\.js/);
    expect(linesOf(file).length).toBeLessThanOrEqual(3);
  });

  test('a module of tasks with a pool of another module works', async () => {
    const pool = newPool({ module: fixture('has-a-pool.js'), size: 1 });
    expect(await pool.run('add', [20, 22])).toBe(42);
  });

  test('a task may make a pool of its own module, and that again', async () => {
    const env = { EVERPOOL_TEST: JSON.stringify(['where it is no worker', join(newFolder(), 'processes')]) };
    const pool = newPool<typeof import('../../fixtures/program-is-its-own-tasks.js')>({ module: program, size: 1, env });
    expect(await pool.run('nested', [fixture('has-a-pool.js')])).toBe(42);
    expect(await pool.run('nested', [undefined])).toBe(42);
  });

  test('the environment of a task is as the program gave it', async () => {
    const pool = newPool({ size: 1 });
    const names = await pool.exec(() => Object.keys(process.env).filter((name) => name.startsWith('EVERPOOL')));
    expect(names).toEqual(Object.keys(process.env).filter((name) => name.startsWith('EVERPOOL')));
  });

  test('an error of that kind is an EverpoolError like any other', async () => {
    const pool = newPool({
      module: program,
      size: 1,
      env: { EVERPOOL_TEST: JSON.stringify(['with an await', join(newFolder(), 'processes')]) },
    });
    const error = await rejection(pool.run('add', [1, 2]));
    expect(error).toBeInstanceOf(PoolBrokenError);
    expect(error.cause).toMatchObject({ name: 'EverpoolError', code: 'ERR_EVERPOOL_NESTED' });
  });
});
