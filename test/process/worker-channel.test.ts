/** How a worker writes to a pipe that is full. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeAll } from '../../src/worker/node-channel.js';

describe.skipIf(process.platform === 'win32')('writing to a descriptor that refuses (a FIFO in non-blocking mode)', () => {
  let folder: string;
  let fifo: string;
  let fd: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'everpool-test-'));
    fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('waits for a reader, and loses and reorders nothing', async () => {
    const parts: Buffer[] = [];
    for (let size = 1; size < 400_000; size = size * 3 + 1) {
      const part = Buffer.allocUnsafe(size);
      for (let at = 0; at < size; at++) part[at] = (at * 31 + size) & 0xff;
      parts.push(part, Buffer.alloc(0));
    }
    const total = parts.reduce((sum, part) => sum + part.length, 0);
    const output = join(folder, 'output');
    const reader = spawn('sh', ['-c', `sleep 0.1; head -c ${total} "$0" > "$1"`, fifo, output], { stdio: 'ignore' });
    const ended = once(reader, 'close');
    writeAll(fd, parts); // the pipe holds 64 KiB
    await ended;
    closeSync(fd);
    expect(readFileSync(output).equals(Buffer.concat(parts))).toBe(true);
  });

  it('gives up after its limit', () => {
    expect(() => {
      for (;;) writeSync(fd, Buffer.alloc(65_536));
    }).toThrow('EAGAIN');
    expect(() => writeAll(fd, [Buffer.alloc(65_536)], 5)).toThrow('EAGAIN');
    closeSync(fd);
  });

  it('throws what makes writing impossible', () => {
    closeSync(fd);
    expect(() => writeAll(fd, [Buffer.from('x')])).toThrow('EBADF');
  });
});
