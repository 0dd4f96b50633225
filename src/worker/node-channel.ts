/**
 * The real channel: one descriptor for each direction, so that a failing write loses nothing that is still to be read.
 *
 * Writing is synchronous and in full. Against a parent that does not read, a descriptor in non-blocking
 * mode refuses after some hundred small frames (EAGAIN): then it waits, and goes on where it was.
 */
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

// Captured: task modules may replace the functions of fs. Not imported: that also loads `fs.promises` and its 0.3 MB.
const { writeSync, writevSync } = process.getBuiltinModule('node:fs');
const { wait } = Atomics;

const FIRST_PAUSE_MS = 0.05;
const LONGEST_PAUSE_MS = 5;
const SMALL_BYTES = 64 * 1024;
const LARGE_BYTES = 1024 * 1024;
/** A read into less room than this is a system call wasted. */
const LEAST_ROOM_BYTES = 32 * 1024;

const sleeper = new Int32Array(new SharedArrayBuffer(4));

export interface Receiver {
  /** False while something holds a part of what it was given. */
  readonly isAtBoundary: boolean;
  receive(chunk: Buffer): void;
}

/** Writes everything, or throws what made it impossible. */
export function writeAll(fd: number, parts: readonly Buffer[], limitMs: number = Number.POSITIVE_INFINITY): void {
  let index = 0;
  let offset = 0; // of the part at `index`
  let pauseMs = FIRST_PAUSE_MS;
  let waitedMs = 0;
  while (index < parts.length) {
    let written: number;
    try {
      // Also for one part: it does less beside the system call than `writeSync`. Of a cut part the rest goes alone.
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

/** Reads until the end of file, or an error, which means the same. */
export function readAll(fd: number, receiver: Receiver, onEnd: () => void): void {
  const targets = new ReadTargets();
  let hasEnded = false;
  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    onEnd();
  };
  const onread: OnReadOpts = {
    buffer: () => targets.current,
    callback: (bytes, buffer) => {
      receiver.receive((buffer as Buffer).subarray(0, bytes));
      targets.advance(bytes, !receiver.isAtBoundary);
      return true;
    },
  };
  // Node's types know `onread` for `connect` only.
  const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd, readable: true, writable: false, onread };
  const socket = new Socket(options);
  socket.on('end', end);
  socket.on('error', end);
  socket.on('close', end);
}

/**
 * Where the next chunk is read to. The same small buffer again and again; only while the receiver holds
 * what it was given, the rest of it, then a large one, and for the largest messages some more.
 */
class ReadTargets {
  readonly #small: Buffer = Buffer.allocUnsafeSlow(SMALL_BYTES);
  #large: Buffer | undefined;
  #isLargeHeld = false;
  #current: Buffer = this.#small;

  get current(): Buffer {
    return this.#current;
  }

  advance(bytes: number, isHeld: boolean): void {
    if (!isHeld) {
      this.#current = this.#small;
      this.#isLargeHeld = false;
    } else if (this.#current.length - bytes >= LEAST_ROOM_BYTES) {
      this.#current = this.#current.subarray(bytes);
    } else if (this.#isLargeHeld) {
      this.#current = Buffer.allocUnsafeSlow(LARGE_BYTES);
    } else {
      this.#large ??= Buffer.allocUnsafeSlow(LARGE_BYTES);
      this.#current = this.#large;
      this.#isLargeHeld = true;
    }
  }
}
