import { spawnSync } from 'node:child_process';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { evaluate } from '../../src/supervisor/node/worker-code.js';

describe('a worker whose code is an argument', () => {
  const source = `import("node:path").then(({ sep }) => console.log(sep)); console.log(JSON.stringify(process.argv.slice(1)), ${JSON.stringify('"quoted" \\ and\nbroken')})`;

  test.each(['linux', 'win32'] as const)('runs that code as on %s, with the arguments that follow and no others', (platform) => {
    const packed = brotliCompressSync(source).toString('base64');
    const { stdout, stderr } = spawnSync(process.execPath, [...evaluate(packed, platform), '--given', 'x'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toBe('["--given","x"] "quoted" \\ and\nbroken\n/\n');
  });
});
