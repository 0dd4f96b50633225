/**
 * What a worker may do and is given, how the system shows it, and where it was when its time was
 * up.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Pool, PoolOptions } from 'everpool';
import { TaskTimeoutError } from 'everpool';
import { describe, expect, test } from 'vitest';
import type * as Isolated from '../../fixtures/isolated.js';
import {
  expectUsable,
  fixture,
  isRunning,
  newFolder,
  newGate,
  newPool,
  rejection,
  type TestTasks,
  until,
  useKit,
} from '../../kit/pools.js';

const isolated = (options: PoolOptions = {}) => newPool<typeof Isolated>({ module: fixture('isolated.js'), size: 1, ...options });

describe('isolation', () => {
  useKit();

  test('permission: access that is not allowed is denied, the task rejects, and the worker lives on', async () => {
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

  test('permission: allowed access works, and nothing more', async () => {
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

  test.runIf(process.getuid?.() === 0)('uid and gid: the worker runs as another user, and may not write files of this one', async () => {
    const file = `${newFolder()}/mine`;
    writeFileSync(file, 'mine', { mode: 0o600 });
    // Only root may be allowed to read the folder of this project, and that user has to read what
    // its worker runs.
    const readable = newFolder();
    chmodSync(readable, 0o755);
    const root = fileURLToPath(new URL('../../../', import.meta.url));
    cpSync(`${root}dist`, `${readable}/dist`, { recursive: true });
    cpSync(`${root}package.json`, `${readable}/package.json`);
    cpSync(fileURLToPath(fixture('isolated.js')), `${readable}/isolated.js`);
    symlinkSync(`${root}node_modules`, `${readable}/node_modules`);
    execFileSync('chmod', ['-R', 'a+rX', readable]);
    const everpool = (await import(pathToFileURL(`${readable}/dist/index.js`).href)) as typeof import('everpool');
    await using pool = new everpool.Pool<typeof Isolated>({
      module: `${readable}/isolated.js`,
      size: 1,
      uid: 65_534,
      gid: 65_534,
      execArgv: [],
    });
    expect(await pool.run('ids')).toEqual([65_534, 65_534]);
    expect(await rejection(pool.run('write', [file]))).toMatchObject({ code: 'EACCES' });
    await pool.run('spin', [5]);
  });

  test('env, cwd, argv and execArgv reach the worker', async () => {
    const cwd = newFolder();
    const pool = isolated({ env: { EVERPOOL_X: 'yes' }, cwd, argv: ['--a', 'b'], execArgv: ['--no-warnings'] });
    expect(await pool.run('seen')).toEqual({ cwd, argv: ['--a', 'b'], execArgv: ['--no-warnings'], variable: 'yes' });
  });

  test("stdout and stderr: 'pipe' gives events, 'ignore' gives none, and neither carries the protocol", async () => {
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

  test.runIf(process.platform === 'linux')('the title of a worker names the pool, the worker and the running task', async () => {
    const pool = isolated({ name: 'thumbnails of the gallery' });
    const gate = newGate();
    const task = pool.run('spinUntilFile', [gate.file]);
    const { pid } = await task.started;
    const title = (): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0+$/, '');
    await until('the title is set', () => title() === 'thumbnails of the gallery: worker 1 (spinUntilFile)');
    gate.open();
    await task;
    await until('the title is set', () => title() === 'thumbnails of the gallery: worker 1');
  });

  test('TypeScript: a task module runs with --import tsx', async () => {
    const pool = newPool<typeof import('../../fixtures/typed.js')>({ module: fixture('typed.ts'), execArgv: ['--import', 'tsx'] });
    expect(await pool.run('length', [{ x: 3, y: 4 }])).toBe(5);
  });
});

/**
 * The kill waits 450 ms for the stack. A busy machine may need longer, so the task runs again until
 * there is a stack.
 */
async function diagnosed(pool: Pool<TestTasks>, name: 'never' | 'spinForever'): Promise<{ error: TaskTimeoutError; pid: number }> {
  for (;;) {
    const task = pool.run(name, [], { timeoutMs: 100 });
    const error = (await rejection(task)) as unknown as TaskTimeoutError;
    if (error.workerStack !== undefined) return { error, pid: task.attempts[0]?.pid as number };
  }
}

describe('diagnose', () => {
  useKit();

  test('the error of a task that timed out has the stack of its spinning JavaScript, and its worker is killed', async () => {
    const pool = newPool({ diagnose: true, stderr: 'pipe' });
    let said = '';
    pool.on('stderr', ({ chunk }) => {
      said += String(chunk);
    });
    await pool.ready();
    const gate = newGate();
    const bystander = pool.run('untilFile', [gate.file, 'done']);
    await bystander.started;
    const { error, pid } = await diagnosed(pool, 'spinForever');
    expect(error).toBeInstanceOf(TaskTimeoutError);
    const { workerStack } = error;
    expect(workerStack).toMatch(/^ {4}at spinForever \(file:.*\/fixtures\/tasks\.js:\d+:\d+\)/);
    expect(workerStack).not.toContain('/dist/');
    expect(error.message).toContain('at spinForever');
    expect(isRunning(pid)).toBe(false);
    expect(said).not.toContain('Debugger');
    gate.open();
    expect(await bystander).toBe('done');
    expect(bystander.attempts).toHaveLength(1);
    await expectUsable(pool);
  });

  test('a task that only waits is reported as such; a worker that cannot be asked is still killed', async () => {
    const pool = newPool({ diagnose: true });
    expect((await diagnosed(pool, 'never')).error.workerStack).toContain('no JavaScript was running');
    const stopped = pool.run('spinForever', [], { timeoutMs: 300 });
    process.kill((await stopped.started).pid, 'SIGSTOP');
    const error = await rejection(stopped);
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).not.toHaveProperty('workerStack');
    await expectUsable(pool);
  });

  test('with retries for timeouts, and with the output ignored', async () => {
    const pool = newPool({ diagnose: true, stderr: 'ignore' });
    for (let stack: string | undefined; stack === undefined; ) {
      const task = pool.run('spinForever', [], { timeoutMs: 60, retries: { timeout: 1 } });
      stack = ((await rejection(task)) as unknown as TaskTimeoutError).workerStack;
      expect(task.attempts.map(({ outcome }) => outcome)).toEqual(['timeout', 'timeout']);
      expect(stack ?? 'spinForever').toContain('spinForever');
    }
    await expectUsable(pool);
  });

  test('without it there is no inspector, and no stack', async () => {
    const pool = newPool();
    expect(await rejection(pool.run('spinForever', [], { timeoutMs: 50 }))).not.toHaveProperty('workerStack');
  });
});
