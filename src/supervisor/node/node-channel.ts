/**
 * The parent's end of a worker's channel: one socket for each direction.
 *
 * Two, because a write that fails destroys its socket with everything still unread in it: on a shared
 * one, 0 of 20 results that a dying worker had sent were delivered; with one for each direction, all (G4).
 * Owns both sockets. Knows bytes, not frames. Its 'error' events never escape (G9).
 */
import { writeSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { Patience } from '../../shared/patience.js';
import type { Clock, ProcessListener } from '../../shared/platform.js';

/** How long a worker that can no longer be written to may live and say nothing before its channel counts as closed. */
const MUTE_MS = 1000;

/** Reads are synchronous, and nothing keeps a part of them (frame-reader.ts): one place is enough for all channels. */
const READ_BYTES = 256 * 1024;
let shared: Buffer | undefined;

/** What goes to the kernel at once, without a stream's overhead of 2 µs. */
const AT_ONCE_BYTES = 64 * 1024;

type ChannelListener = Pick<ProcessListener, 'onData' | 'receiveBuffer' | 'onReadEnd' | 'onDrain'>;

export class NodeChannel {
  readonly #toWorker: Socket;
  readonly #fromWorker: Socket;
  readonly #clock: Clock;
  #listener: ChannelListener | undefined;
  #canWrite = true;
  #awaitsDrain = false;
  #readEnded = false;
  #hasExited = false;
  readonly #mute: Patience;
  readonly #written = (): void => this.#afterWrite();

  constructor(toWorker: Socket, fromWorker: Socket, clock: Clock, listener: ChannelListener) {
    this.#toWorker = toWorker;
    this.#fromWorker = this.#reading(fromWorker);
    this.#clock = clock;
    this.#mute = new Patience(clock);
    this.#listener = listener;
    // An unref'd socket delivers all the same while the clock's hold keeps the process alive.
    toWorker.unref();
    this.#fromWorker.unref();
    toWorker.on('error', () => this.#stopWriting());
    toWorker.on('close', () => this.#stopWriting());
    for (const event of ['end', 'error', 'close']) this.#fromWorker.on(event, () => this.#endRead());
  }

  /**
   * A socket of `spawn` allocates for each read and copies large messages once more; it takes no `onread`. So another one
   * takes over its handle, and reads large messages straight to their place.
   */
  #reading(spawned: Socket): Socket {
    shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
    const small = shared;
    const onread: OnReadOpts = {
      buffer: () => this.#listener?.receiveBuffer ?? small,
      callback: (bytes, buffer) => {
        this.#listener?.onData(buffer as Buffer, bytes);
        return true;
      },
    };
    const handle = handleOf(spawned);
    // Node's types know neither option.
    const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = { handle, readable: true, writable: false, onread };
    return new Socket(options);
  }

  get unsentBytes(): number {
    return this.#canWrite ? this.#toWorker.writableLength : 0;
  }

  /** True when the kernel has taken it all at once, or when there is nobody to take it any more. */
  send(parts: readonly Buffer[]): boolean {
    if (!this.#canWrite || parts.length === 0) return true;
    const [first] = parts as [Buffer];
    if (parts.length > 1 || first.length > AT_ONCE_BYTES || this.#toWorker.writableLength > 0) return this.#stream(parts);
    const written = this.#writeNow(first);
    return written === first.length || !this.#canWrite || this.#stream([first.subarray(written)]);
  }

  /** A system call and nothing around it; gives how much the kernel took. */
  #writeNow(bytes: Buffer): number {
    const fd = handleOf(this.#toWorker)?.fd ?? -1; // asked each time: once it is closed, its number may be another's
    if (fd < 0) return 0;
    try {
      return writeSync(fd, bytes, 0, bytes.length);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#stopWriting();
      return 0;
    }
  }

  /** What is large, or more than the kernel takes now. */
  #stream(parts: readonly Buffer[]): boolean {
    const socket = this.#toWorker;
    const last = parts.length - 1;
    if (last > 0) socket.cork();
    for (let i = 0; i < last; i++) socket.write(parts[i] as Buffer);
    socket.write(parts[last] as Buffer, this.#written);
    if (last > 0) socket.uncork();
    if (socket.writableLength === 0 || !this.#canWrite) return true;
    this.#awaitsDrain = true;
    return false;
  }

  disconnect(): void {
    this.#canWrite = false;
    this.#toWorker.destroy();
    this.#fromWorker.destroy();
  }

  /** The process has ended: its end of file comes by itself. */
  exited(): void {
    this.#hasExited = true;
    this.#mute.stop();
  }

  release(): void {
    this.#listener = undefined;
    this.exited();
    this.disconnect();
  }

  #afterWrite(): void {
    if (!this.#awaitsDrain || this.unsentBytes > 0) return;
    this.#awaitsDrain = false;
    this.#listener?.onDrain();
  }

  #stopWriting(): void {
    if (!this.#canWrite) return;
    this.#canWrite = false;
    this.#afterWrite();
    if (!this.#hasExited && !this.#readEnded) this.#watchMute(this.#fromWorker.bytesRead);
  }

  /**
   * A worker that closed its reading side and lives would wait for ever for tasks that never reach it (G1). So when
   * nothing can be written and nothing has been said for a while, the channel is closed; the worker is killed for that.
   */
  #watchMute(heard: number): void {
    this.#mute.start(MUTE_MS, () => {
      if (this.#fromWorker.bytesRead !== heard) this.#watchMute(this.#fromWorker.bytesRead);
      else this.#fromWorker.destroy();
    });
  }

  #endRead(): void {
    if (this.#readEnded) return;
    this.#readEnded = true;
    // One poll phase later: what the worker wrote to stderr before it died has then been read as well.
    this.#clock.afterPoll(() => this.#listener?.onReadEnd());
  }
}

/** Null once the socket is closed; `fd` is negative where the system has none. */
function handleOf(socket: Socket): { readonly fd?: number } | null {
  return (socket as unknown as { _handle: { readonly fd?: number } | null })._handle;
}
