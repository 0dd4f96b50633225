import { describe, expect, test } from 'vitest';
import { inheritedExecArgv, workerExecArgv } from '../../../../src/pool/workers/exec-argv.js';

const none = {
  execArgv: ['--inspect'],
  limits: { rssBytes: undefined, heapMb: undefined },
  diagnose: false,
  permission: undefined,
  module: undefined,
};

describe('options of Node for the workers', () => {
  test('options that would debug, watch, test or evaluate in each worker are not inherited, nor are their values', () => {
    const parent = [
      '--inspect-brk=9229',
      '-e',
      '1+1',
      '--watch',
      '--watch-path',
      'src',
      '--test',
      '--input-type=module',
      '--no-warnings',
      '--import',
      'tsx',
    ];
    expect(inheritedExecArgv(parent)).toEqual(['--no-warnings', '--import', 'tsx']);
  });

  test('the options of the user are kept as they are, and the heap limit is added', () => {
    expect(workerExecArgv({ ...none, limits: { rssBytes: undefined, heapMb: 64 } }, '/own')).toEqual([
      '--inspect',
      '--max-old-space-size=64',
    ]);
  });

  test('diagnose: the inspector may take any port', () => {
    expect(workerExecArgv({ ...none, diagnose: true }, '/own')).toEqual(['--inspect', '--inspect-port=127.0.0.1:0']);
  });

  test("permission: the given paths, and those that the pool needs: its own files and the module's", () => {
    const permission = { fsRead: ['/data'], fsWrite: ['/tmp/x'], childProcess: true, addons: false, workerThreads: true, net: false };
    const [, flag, ...rest] = workerExecArgv({ ...none, module: 'file:///app/tasks.js', permission }, '/own');
    expect(flag).toMatch(/^--(experimental-)?permission$/);
    expect(rest).toEqual([
      '--allow-fs-read=/own/*',
      '--allow-fs-read=/package.json',
      '--allow-fs-read=/app/tasks.js',
      '--allow-fs-read=/app/package.json',
      '--allow-fs-read=/data',
      '--allow-fs-write=/tmp/x',
      '--allow-child-process',
      '--allow-worker',
    ]);
  });
});
