import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { defaultSize } from '../../../../src/pool/options/cpu-quota.js';
import { resolvePoolOptions, resolveSize } from '../../../../src/pool/options/pool-options.js';
import { OptionsError } from '../../../../src/shared/errors.js';

/** As a JavaScript user gives them. */
function resolveAny(options: unknown) {
  return resolvePoolOptions(options as Parameters<typeof resolvePoolOptions>[0]);
}

describe('pool options', () => {
  test('the defaults are those of the documentation', () => {
    const cores = defaultSize();
    expect(resolvePoolOptions()).toEqual({
      module: undefined,
      name: 'everpool',
      min: cores,
      max: cores,
      elastic: false,
      spares: 0,
      concurrency: 1,
      pipelining: true,
      queueLimit: Number.POSITIVE_INFINITY,
      task: {
        signal: undefined,
        timeoutMs: undefined,
        softTimeoutMs: undefined,
        queueTimeoutMs: undefined,
        priority: 0,
        retries: { crash: 0, timeout: 0, error: 0, delayMs: 0 },
        tag: undefined,
        onProgress: undefined,
      },
      graceMs: 1000,
      killLadder: [
        { signal: 'SIGTERM', waitMs: 1000 },
        { signal: 'SIGKILL', waitMs: 5000 },
      ],
      restart: {
        intensity: Math.max(5, 2 * cores),
        periodMs: 10_000,
        backoff: { initialMs: 50, factor: 2, maxMs: 5000, jitter: 0.2 },
        probeMs: 10_000,
      },
      bootTimeoutMs: 30_000,
      recycle: { afterTasks: undefined, afterMs: undefined, aboveRssBytes: undefined, jitter: 0 },
      limits: { rssBytes: undefined, heapMb: undefined },
      idleTimeoutMs: 60_000,
      heartbeat: { intervalMs: 2500, timeoutMs: 10_000 },
      killTree: true,
      diagnose: false,
      workerData: undefined,
      env: undefined,
      cwd: undefined,
      execArgv: undefined,
      argv: [],
      uid: undefined,
      gid: undefined,
      stdout: 'inherit',
      stderr: 'inherit',
      permission: undefined,
      signal: undefined,
    });
  });

  test('an option given as undefined is not given', () => {
    const all = Object.fromEntries(Object.keys(resolvePoolOptions()).map((key) => [key, undefined]));
    const { min: _min, max: _max, elastic: _elastic, ...known } = all;
    expect(resolveAny(known)).toEqual(resolvePoolOptions());
  });

  test.each([
    [null, 'options: expected an object, got null'],
    ['./tasks.js', 'options: expected an object, got "./tasks.js" (string)'],
    [[], 'options: expected an object, got an array'],
    [{ sise: 2 }, 'sise: unknown option; did you mean size?'],
    [{ size: 0 }, 'size: expected an integer >= 1 or {min, max}, got 0 (number)'],
    [{ size: -1 }, 'size: expected'],
    [{ size: 1.5 }, 'size: expected'],
    [{ size: '2' }, 'size: expected'],
    [{ size: Number.NaN }, 'size: expected'],
    [{ size: Number.POSITIVE_INFINITY }, 'size: expected'],
    [{ size: null }, 'size: expected'],
    [{ size: { min: 1 } }, 'size.max: expected an integer >= 1, got undefined'],
    [{ size: { max: 1 } }, 'size.min: expected an integer >= 0, got undefined'],
    [{ size: { min: 3, max: 2 } }, 'size.min: expected an integer <= size.max (2), got 3 (number)'],
    [{ size: { min: 0, max: 0 } }, 'size.max: expected'],
    [{ size: { min: 0, max: 1, mx: 1 } }, 'size.mx: unknown option; did you mean size.max?'],
    [{ module: './tasks.js' }, 'module: expected an absolute path'],
    [{ module: 'tasks' }, 'module: expected'],
    [{ module: '' }, 'module: expected'],
    [{ module: {} }, 'module: expected'],
    [{ name: '' }, 'name: expected'],
    [{ name: 3 }, 'name: expected'],
    [{ spares: -1 }, 'spares: expected an integer >= 0, got -1 (number)'],
    [{ concurrency: 0 }, 'concurrency: expected'],
    [{ concurrency: 1001 }, 'concurrency: expected an integer from 1 to 1000'],
    [{ pipelining: 1 }, 'pipelining: expected a boolean, got 1 (number)'],
    [{ queueLimit: 0 }, 'queueLimit: expected an integer >= 1 or Infinity'],
    [{ queueLimit: 2.5 }, 'queueLimit: expected'],
    [{ task: { timeoutMs: '100' } }, 'task.timeoutMs: expected a number of milliseconds >= 0 (Infinity: never), got "100" (string)'],
    [{ task: { timeoutMs: -1 } }, 'task.timeoutMs: expected'],
    [{ task: { timeoutMs: Number.NaN } }, 'task.timeoutMs: expected'],
    [{ task: { tag: 'all' } }, 'task.tag: unknown option'],
    [{ task: { signal: AbortSignal.abort() } }, 'task.signal: unknown option'],
    [{ task: { retries: { crahs: 1 } } }, 'task.retries.crahs: unknown option; did you mean task.retries.crash?'],
    [{ task: 5 }, 'task: expected an object'],
    [{ graceMs: Number.POSITIVE_INFINITY }, 'graceMs: expected a finite number'],
    [{ killLadder: { signal: 'SIGTERM', waitMs: 1 } }, 'killLadder: expected an array'],
    [{ killLadder: [{ signal: 'SIGFOO', waitMs: 1 }] }, 'killLadder[0].signal: expected the name of a signal'],
    [{ killLadder: [{ signal: 'toString', waitMs: 1 }] }, 'killLadder[0].signal: expected'],
    [{ killLadder: [{ signal: 'SIGINT', waitMs: 1 }, { signal: 'SIGTERM' }] }, 'killLadder[1].waitMs: expected'],
    [{ killLadder: [undefined] }, 'killLadder[0]: expected an object'],
    [{ restart: { intensity: -1 } }, 'restart.intensity: expected an integer >= 0'],
    [{ restart: { intensity: Number.POSITIVE_INFINITY } }, 'restart.intensity: expected'],
    [{ restart: { periodMs: 0 } }, 'restart.periodMs: expected'],
    [{ restart: { probeMs: true } }, 'restart.probeMs: expected a finite number of milliseconds > 0, or false, got true (boolean)'],
    [{ restart: { probeMs: 0 } }, 'restart.probeMs: expected'],
    [{ restart: { backoff: { jitter: 2 } } }, 'restart.backoff.jitter: expected a number from 0 to 1, got 2 (number)'],
    [{ restart: { backoff: { factor: 0.5 } } }, 'restart.backoff.factor: expected'],
    [{ restart: { backoff: { initialMs: 100, maxMs: 50 } } }, 'restart.backoff.maxMs: expected a number >= initialMs (100)'],
    [{ bootTimeoutMs: 0 }, 'bootTimeoutMs: expected'],
    [{ recycle: { afterTasks: 0 } }, 'recycle.afterTasks: expected an integer >= 1, got 0 (number)'],
    [{ recycle: { afterTasks: -1 } }, 'recycle.afterTasks: expected'],
    [{ recycle: { afterTasks: 0.5 } }, 'recycle.afterTasks: expected'],
    [{ recycle: { afterTasks: '12' } }, 'recycle.afterTasks: expected'],
    [{ recycle: { afterMs: 0 } }, 'recycle.afterMs: expected'],
    [{ limits: { rssBytes: 0 } }, 'limits.rssBytes: expected'],
    [{ limits: { heapMb: 1.5 } }, 'limits.heapMb: expected'],
    [{ idleTimeoutMs: -1 }, 'idleTimeoutMs: expected'],
    [{ heartbeat: true }, 'heartbeat: expected an object or false, got true (boolean)'],
    [{ heartbeat: { intervalMs: 100, timeoutMs: 50 } }, 'heartbeat.timeoutMs: expected a number >= intervalMs (100)'],
    [{ killTree: 'no' }, 'killTree: expected'],
    [{ env: { A: 1 } }, 'env.A: expected a string without NUL bytes, or undefined, got 1 (number)'],
    [{ env: { A: 'a\0b' } }, 'env.A: expected'],
    [{ cwd: '' }, 'cwd: expected'],
    [{ cwd: new URL('file:///tmp') }, 'cwd: expected'],
    [{ argv: 'a' }, 'argv: expected an array of strings'],
    [{ execArgv: ['--x', 1] }, 'execArgv: expected'],
    [{ uid: -1 }, 'uid: expected'],
    [{ stdout: 'pipes' }, "stdout: expected one of 'inherit', 'ignore', 'pipe', got \"pipes\" (string)"],
    [{ permission: { fsRead: '/tmp' } }, 'permission.fsRead: expected'],
    [{ permission: { fsred: [] } }, 'permission.fsred: unknown option; did you mean permission.fsRead?'],
    [{ signal: {} }, 'signal: expected an AbortSignal, got an object'],
    [{ signal: new AbortController() }, 'signal: expected an AbortSignal, got an object (AbortController)'],
  ])('%o is refused, naming the option, the rule and the value', (options, message) => {
    expect(() => resolveAny(options)).toThrow(OptionsError);
    expect(() => resolveAny(options)).toThrow(message);
  });

  test('a module is a path, a URL or the text of one, and is kept as a URL', () => {
    const path = resolve('tasks #1.js');
    const { href } = pathToFileURL(path);
    for (const module of [path, href, new URL(href)]) expect(resolvePoolOptions({ module }).module).toBe(href);
    expect(resolvePoolOptions({ module: 'data:text/javascript,export{}' }).module).toBe('data:text/javascript,export{}');
  });

  test('a kill ladder without SIGKILL gets one', () => {
    expect(resolvePoolOptions({ killLadder: [] }).killLadder).toEqual([{ signal: 'SIGKILL', waitMs: 5000 }]);
    const short = [{ signal: 'SIGINT', waitMs: 10 }] as const;
    expect(resolvePoolOptions({ killLadder: short }).killLadder).toEqual([...short, { signal: 'SIGKILL', waitMs: 5000 }]);
    const own = [{ signal: 'SIGKILL', waitMs: 7 }] as const;
    expect(resolvePoolOptions({ killLadder: own }).killLadder).toEqual(own);
  });

  test('a bound that is given moves the default of its fellow', () => {
    expect(resolvePoolOptions({ restart: { backoff: { maxMs: 10 } } }).restart.backoff).toMatchObject({ initialMs: 10, maxMs: 10 });
    expect(resolvePoolOptions({ restart: { backoff: { initialMs: 9000 } } }).restart.backoff).toMatchObject({
      initialMs: 9000,
      maxMs: 9000,
    });
    expect(resolvePoolOptions({ heartbeat: { timeoutMs: 400 } }).heartbeat).toEqual({ intervalMs: 100, timeoutMs: 400 });
    expect(resolvePoolOptions({ heartbeat: { intervalMs: 5000 } }).heartbeat).toEqual({ intervalMs: 5000, timeoutMs: 20_000 });
    expect(resolvePoolOptions({ restart: { periodMs: 300 } }).restart.probeMs).toBe(300);
  });

  test('the restart intensity follows the size', () => {
    expect(resolvePoolOptions({ size: 2 }).restart.intensity).toBe(5);
    expect(resolvePoolOptions({ size: { min: 0, max: 64 } }).restart.intensity).toBe(128);
    expect(resolvePoolOptions({ restart: { intensity: 0 } }).restart.intensity).toBe(0);
  });

  test('what may be off or endless may be said so', () => {
    const never = Number.POSITIVE_INFINITY;
    const options = resolvePoolOptions({ heartbeat: false, restart: { probeMs: false }, bootTimeoutMs: never, idleTimeoutMs: never });
    expect(options).toMatchObject({ heartbeat: false, restart: { probeMs: false }, bootTimeoutMs: never, idleTimeoutMs: never });
    expect(resolvePoolOptions({ idleTimeoutMs: 0, graceMs: 0, bootTimeoutMs: 2 ** 40 })).toMatchObject({ idleTimeoutMs: 0, graceMs: 0 });
  });

  test('what the program does to its objects later changes nothing', () => {
    const env: NodeJS.ProcessEnv = { A: '1', PATH: undefined };
    const argv = ['x'];
    const options = resolvePoolOptions({ env, argv });
    env['A'] = '2';
    argv.push('y');
    expect(options).toMatchObject({ env: { A: '1', PATH: undefined }, argv: ['x'] });
    expect(Object.keys(options.env ?? {})).toEqual(['A', 'PATH']);
  });

  test('permissions that are not given are denied', () => {
    expect(resolvePoolOptions({ permission: { net: true } }).permission).toEqual({
      fsRead: [],
      fsWrite: [],
      childProcess: false,
      addons: false,
      workerThreads: false,
      net: true,
    });
  });

  test('a size is fixed or elastic', () => {
    expect(resolveSize(3)).toEqual({ min: 3, max: 3, elastic: false });
    expect(resolveSize({ min: 0, max: 4 })).toEqual({ min: 0, max: 4, elastic: true });
    expect(resolveSize({ min: 2, max: 2 })).toEqual({ min: 2, max: 2, elastic: false });
  });
});
