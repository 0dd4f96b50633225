import { describe, expect, test } from 'vitest';
import { inheritedExecArgv, workerExecArgv } from '../../../src/pool/exec-argv.js';

describe('options of Node for the workers', () => {
  test('what would debug, watch, test or evaluate in each worker is not inherited, and its values go with it', () => {
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

  test('what the user gives is taken as it is, and the heap limit is added', () => {
    expect(workerExecArgv({ execArgv: ['--inspect'], limits: { rssBytes: undefined, heapMb: 64 } })).toEqual([
      '--inspect',
      '--max-old-space-size=64',
    ]);
  });
});
