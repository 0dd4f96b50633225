/**
 * The worker's end of the real channel: one descriptor for each direction, so that a failing write
 * loses no unread bytes.
 *
 * Writes are synchronous and complete. If the parent does not read, a descriptor in non-blocking
 * mode refuses after some hundred small frames (EAGAIN): then the write pauses and continues.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

// Captured: task modules may replace the functions of fs. Not imported: that also loads
// `fs.promises`, 0.3 MB.
const { writeSync, writevSync } = process.getBuiltinModule('node:fs');
const { wait } = Atomics;

const FIRST_PAUSE_MS = 0.05;
const LONGEST_PAUSE_MS = 5;
const READ_BYTES = 64 * 1024;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export interface Receiver {
  /** The memory for the next bytes, in the middle of a large message. */
  readonly receiveBuffer: Buffer | undefined;
  receive(chunk: Buffer, bytes: number): void;
}

/** Writes everything, or throws the system error. */
export function writeAll(fd: number, parts: readonly Buffer[], limitMs: number = Number.POSITIVE_INFINITY): void {
  let index = 0;
  let offset = 0; // of the part at `index`
  let pauseMs = FIRST_PAUSE_MS;
  let waitedMs = 0;
  while (index < parts.length) {
    let written: number;
    try {
      // Even for one part, `writevSync` does less around the system call. The rest of a cut part is
      // written alone.
      if (offset === 0) written = writevSync(fd, index === 0 ? parts : parts.slice(index));
      else written = writeSync(fd, parts[index] as Buffer, offset, (parts[index] as Buffer).length - offset);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== 'EAGAIN' && code !== 'EINTR') || waitedMs >= limitMs) throw error;
      wait(sleeper, 0, 0, pauseMs);
      waitedMs += pauseMs;
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      continue;
    }
    pauseMs = FIRST_PAUSE_MS;
    offset += written;
    while (index < parts.length && offset >= (parts[index] as Buffer).length) {
      offset -= (parts[index] as Buffer).length;
      index += 1;
    }
  }
}

/**
 * Reads until the end of file, or an error, which means the same. Large messages are read straight
 * into their memory, everything else into one reused buffer.
 */
export function readAll(fd: number, receiver: Receiver, onEnd: () => void): void {
  const small = Buffer.allocUnsafeSlow(READ_BYTES);
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd();
  };
  const onread: OnReadOpts = {
    buffer: () => receiver.receiveBuffer ?? small,
    callback: (bytes, buffer) => {
      receiver.receive(buffer as Buffer, bytes);
      return true;
    },
  };
  // Node's types have `onread` for `connect` only.
  const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd, readable: true, writable: false, onread };
  const socket = new Socket(options);
  socket.on('end', end);
  socket.on('error', end);
  socket.on('close', end);
}
