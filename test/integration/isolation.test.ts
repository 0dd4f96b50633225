/** What a worker is given and allowed; how it is seen; where it was when its time was up. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { PoolOptions } from 'everpool';
import { TaskTimeoutError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Isolated from '../fixtures/isolated.js';
import { expectUsable, fixture, isRunning, newFolder, newPool, rejection, until, useKit } from '../kit.js';

const isolated = (options: PoolOptions = {}) => newPool<typeof Isolated>({ module: fixture('isolated.js'), size: 1, ...options });

describe('isolation', () => {
  useKit();

  test('permission: what is not allowed is denied, and the task rejects; the worker lives on', async () => {
    const file = `${newFolder()}/secret`;
    writeFileSync(file, 'secret');
    const pool = isolated({ permission: {} });
    expect(await rejection(pool.run('read', [file]))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(await rejection(pool.run('write', [file]))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(await rejection(pool.run('spawn'))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(await rejection(pool.run('thread'))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(pool.stats()).toMatchObject({ deaths: 0, spawned: 1 });
    expect(readFileSync(file, 'utf8')).toBe('secret');
  });

  test('permission: what is allowed works, and nothing more', async () => {
    const folder = newFolder();
    const [mine, other] = [`${folder}/mine`, `${folder}/other`];
    for (const file of [mine, other]) writeFileSync(file, 'text');
    const pool = isolated({ permission: { fsRead: [mine], fsWrite: [mine], childProcess: true, workerThreads: true } });
    expect(await pool.run('read', [mine])).toBe(4);
    await pool.run('write', [mine]);
    expect(readFileSync(mine, 'utf8')).toBe('x');
    expect(await pool.run('spawn')).toMatch(/^v\d+/);
    expect(await pool.run('thread')).toBe(0);
    expect(await rejection(pool.run('read', [other]))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(await rejection(pool.run('write', [other]))).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
  });

  test.runIf(process.getuid?.() === 0)('uid and gid: the worker runs as another user, and may not write what is mine', async () => {
    const file = `${newFolder()}/mine`;
    writeFileSync(file, 'mine', { mode: 0o600 });
    const pool = isolated({ uid: 65_534, gid: 65_534 });
    expect(await pool.run('ids')).toEqual([65_534, 65_534]);
    expect(await rejection(pool.run('write', [file]))).toMatchObject({ code: 'EACCES' });
    await pool.run('spin', [5]);
  });

  test('env, cwd, argv and execArgv reach the worker', async () => {
    const cwd = newFolder();
    const pool = isolated({ env: { EVERPOOL_X: 'yes' }, cwd, argv: ['--a', 'b'], execArgv: ['--no-warnings'] });
    expect(await pool.run('seen')).toEqual({ cwd, argv: ['--a', 'b'], execArgv: ['--no-warnings'], variable: 'yes' });
  });

  test("stdout and stderr: 'pipe' tells by events, 'ignore' tells nothing, and neither carries the protocol", async () => {
    for (const mode of ['pipe', 'ignore'] as const) {
      const pool = isolated({ stdout: mode, stderr: mode });
      const heard = { stdout: '', stderr: '' };
      for (const stream of ['stdout', 'stderr'] as const) {
        pool.on(stream, ({ workerId, chunk }) => {
          expect(workerId).toBe(1);
          heard[stream] += String(chunk);
        });
      }
      await pool.run('say', ['hello']);
      if (mode === 'pipe') await until('both are heard', () => heard.stdout !== '' && heard.stderr !== '');
      await pool.close();
      expect(heard).toEqual(mode === 'pipe' ? { stdout: 'out hello\n', stderr: 'err hello\n' } : { stdout: '', stderr: '' });
    }
  });

  test.runIf(process.platform === 'linux')('the title of a worker tells the pool, the worker, and the task that runs', async () => {
    const pool = isolated({ name: 'thumbnails of the gallery' });
    const task = pool.run('spin', [300]);
    const { pid } = await task.started;
    const title = (): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '');
    await until('it is told', () => title() === 'thumbnails of the gallery: worker 1 (spin)');
    await task;
    await until('it is told', () => title() === 'thumbnails of the gallery: worker 1');
  });

  test('TypeScript: a task module runs with --import tsx', async () => {
    const pool = newPool<typeof import('../fixtures/typed.js')>({ module: fixture('typed.ts'), execArgv: ['--import', 'tsx'] });
    expect(await pool.run('length', [{ x: 3, y: 4 }])).toBe(5);
  });
});

describe('diagnose', () => {
  useKit();

  test('the error of a task that timed out has the stack of its spinning JavaScript; the kill follows within 500 ms', async () => {
    const pool = newPool({ diagnose: true, stderr: 'pipe' });
    let said = '';
    pool.on('stderr', ({ chunk }) => {
      said += String(chunk);
    });
    await pool.ready();
    const bystander = pool.run('sleep', [1000, 'done']);
    const task = pool.run('spinForever', [], { timeoutMs: 100 });
    const { pid } = await task.started;
    const start = performance.now();
    const error = await rejection(task);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    const { workerStack } = error as unknown as TaskTimeoutError;
    expect(workerStack).toMatch(/^ {4}at spinForever \(file:.*\/fixtures\/tasks\.js:\d+:\d+\)/);
    expect(workerStack).not.toContain('/dist/');
    expect(error.message).toContain('at spinForever');
    expect(isRunning(pid)).toBe(false);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(said).not.toContain('Debugger');
    expect(await bystander).toBe('done');
    expect(bystander.attempts).toHaveLength(1);
    await expectUsable(pool);
  });

  test('of one that only waits it says so; one that cannot be asked is killed all the same', async () => {
    const pool = newPool({ diagnose: true });
    const waits = await rejection(pool.run('never', [], { timeoutMs: 50 }));
    expect((waits as unknown as TaskTimeoutError).workerStack).toContain('no JavaScript was running');
    const stopped = pool.run('spinForever', [], { timeoutMs: 300 });
    process.kill((await stopped.started).pid, 'SIGSTOP');
    const error = await rejection(stopped);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).not.toHaveProperty('workerStack');
    await expectUsable(pool);
  });

  test('with retries for timeouts, and with the output ignored', async () => {
    const pool = newPool({ diagnose: true, stderr: 'ignore' });
    const task = pool.run('spinForever', [], { timeoutMs: 60, retries: { timeout: 1 } });
    const error = await rejection(task);
    expect(task.attempts.map(({ outcome }) => outcome)).toEqual(['timeout', 'timeout']);
    expect((error as unknown as TaskTimeoutError).workerStack).toContain('spinForever');
    await expectUsable(pool);
  });

  test('without it there is no inspector, and no stack', async () => {
    const pool = newPool();
    expect(await rejection(pool.run('spinForever', [], { timeoutMs: 50 }))).not.toHaveProperty('workerStack');
  });
});
