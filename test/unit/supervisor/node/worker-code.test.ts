import { brotliCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { evaluate } from '../../../../src/supervisor/node/worker-code.js';

test("a worker's code stays packed where a command line has no place for it", () => {
  const long = `${'/* a comment */ '.repeat(10_000)} 0`;
  const packed = brotliCompressSync(long).toString('base64');
  expect(evaluate(packed, 'win32').join(' ').length).toBeLessThan(1000);
  expect(evaluate(packed, 'darwin')).toEqual(['-e', long, '--']);
});
