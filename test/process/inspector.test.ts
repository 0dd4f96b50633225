/**
 * The stack of a task that timed out, by the inspector of its worker; and tasks that pose as an
 * inspector.
 */
import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { expectUsable, newFolder, newPool, rejection, useKit } from '../kit/pools.js';

const HELLO = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n\r\n';

/** The key with which a server accepts a request (RFC 6455). */
function accepted(request: string): string {
  const [, key] = /sec-websocket-key: (\S+)/i.exec(request) ?? [];
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** A message that announces its number of bytes, then the bytes. */
function message(text: string, length = text.length): Buffer {
  const head = Buffer.from([0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, Buffer.from(text)]);
}

/** Impostors that are no inspector, and their answers. */
const IMPOSTORS: Record<string, string | readonly (string | Buffer)[]> = {
  'refuses the connection': 'HTTP/1.1 403 Forbidden\r\n\r\n',
  'sends what is no message': [HELLO, 'x'.repeat(1000)],
  'sends text that is no JSON': [HELLO, message('{')],
  'sends JSON that is no object': [HELLO, message('null')],
  'pauses without frames': [HELLO, message('{"method":"Debugger.paused"}')],
  'pauses with frames that are none': [HELLO, message('{"method":"Debugger.paused","params":{"callFrames":[null,{"location":5}]}}')],
  'has scripts whose name is no text': [
    HELLO,
    message('{"method":"Debugger.scriptParsed","params":{"scriptId":"1","url":{}}}'),
    message('{"method":"Debugger.paused","params":{"callFrames":[{"functionName":"f","location":{"scriptId":"1","lineNumber":1}}]}}'),
  ],
  'announces a message without end': [HELLO, message('x', 2 ** 52)],
};

describe('a diagnosis', () => {
  useKit();

  test.each(Object.entries(IMPOSTORS))(
    'of a task that poses as an inspector and %s harms neither the pool nor the program',
    async (_, answer) => {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('data', (request: Buffer) => {
          const key = accepted(request.toString());
          for (const part of [answer].flat()) socket.write(typeof part === 'string' ? part.replace('KEY', key) : part);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      const pool = newPool({ diagnose: true });
      try {
        const error = await rejection(pool.exec(pose, [`127.0.0.1:${port}`], { timeoutMs: 100 }));
        expect(error).toMatchObject({ code: 'ERR_EVERPOOL_TIMEOUT' });
        await expectUsable(pool);
      } finally {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  );

  test('connects to this machine only', async () => {
    const pool = newPool({ diagnose: true });
    expect(await rejection(pool.exec(pose, ['192.0.2.1:80'], { timeoutMs: 100 }))).toMatchObject({ code: 'ERR_EVERPOOL_TIMEOUT' });
    await expectUsable(pool);
  });

  test('names the place of a spinning function without a name', async () => {
    const pool = newPool({ diagnose: true });
    let stack: unknown;
    while (stack === undefined) {
      const task = pool.exec(
        () => {
          for (;;);
        },
        [],
        { timeoutMs: 100 },
      );
      stack = (await rejection(task))['workerStack'];
    }
    expect(stack).toMatch(/^ {4}at \S.*:\d+:\d+/);
  });
});

test('execPath names the Node that the workers run in', async () => {
  const wrapped = join(newFolder(), 'node');
  writeFileSync(wrapped, `#!/bin/sh\nWRAPPED=yes exec '${process.execPath}' "$@"\n`);
  chmodSync(wrapped, 0o755);
  const pool = newPool({ execPath: wrapped });
  expect(await pool.exec(() => process.env['WRAPPED'])).toBe('yes');
  await pool.close();
});

/** Reports again and again that its inspector listens at `place`, and spins. */
function pose(place: string): void {
  const { writeSync } = process.getBuiltinModule('node:fs');
  for (;;) {
    try {
      writeSync(2, `Debugger listening on ws://${place}/x\n`);
    } catch {
      // the pipe is full
    }
  }
}
