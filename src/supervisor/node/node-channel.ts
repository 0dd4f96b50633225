/**
 * The parent's end of a worker's channel: one socket for each direction. The channel owns both. It
 * knows bytes, not frames, and no 'error' event of a socket escapes (G9).
 *
 * A failing write destroys its socket with everything unread in it. With one shared socket, 0 of 20
 * results that a dying worker had sent were delivered; with one for each direction, all 20 were
 * (G4).
 */
import { writeSync } from 'node:fs';
import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { Patience } from '../../shared/patience.js';
import type { Clock, ProcessListener } from '../../shared/platform.js';

/** How long a worker that cannot be written to may stay silent before its channel is closed. */
const MUTE_MS = 1000;

/**
 * Reads are synchronous, and frame-reader.ts keeps no part of them: all channels share one buffer.
 */
const READ_BYTES = 256 * 1024;
let shared: Buffer | undefined;

/** Up to this size a message is written directly, without the 2 µs overhead of a stream. */
const DIRECT_WRITE_BYTES = 64 * 1024;

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
    // An unref'd socket still delivers while the clock's hold keeps the process alive.
    toWorker.unref();
    this.#fromWorker.unref();
    toWorker.on('error', () => this.#stopWriting());
    toWorker.on('close', () => this.#stopWriting());
    for (const event of ['end', 'error', 'close']) this.#fromWorker.on(event, () => this.#endRead());
  }

  /**
   * A socket made by `spawn` allocates for each read, copies large messages once more, and does not
   * support `onread`. So a second socket takes over its handle and reads large messages in place.
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
    // Node's types lack both options.
    const options: SocketConstructorOpts & { handle: unknown; onread: OnReadOpts } = { handle, readable: true, writable: false, onread };
    return new Socket(options);
  }

  get unsentBytes(): number {
    return this.#canWrite ? this.#toWorker.writableLength : 0;
  }

  /** Returns true if the kernel has taken everything, or if nothing can be written any more. */
  send(parts: readonly Buffer[]): boolean {
    if (!this.#canWrite || parts.length === 0) return true;
    const [first] = parts as [Buffer];
    if (parts.length > 1 || first.length > DIRECT_WRITE_BYTES || this.#toWorker.writableLength > 0) return this.#stream(parts);
    const written = this.#writeNow(first);
    return written === first.length || !this.#canWrite || this.#stream([first.subarray(written)]);
  }

  /** A bare system call. Returns the number of bytes that the kernel took. */
  #writeNow(bytes: Buffer): number {
    // Read each time, because after a close the number may be reused.
    const fd = handleOf(this.#toWorker)?.fd ?? -1;
    if (fd < 0) return 0;
    try {
      return writeSync(fd, bytes, 0, bytes.length);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') this.#stopWriting();
      return 0;
    }
  }

  /** For large messages, or for more than the kernel takes now. */
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

  /** The process has ended: the end of file follows by itself. */
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
   * A living worker that has closed its reading side would wait for ever for tasks that cannot
   * reach it (G1). So if nothing can be written and the worker is silent for a while, the channel
   * closes, and the supervisor kills the worker for that.
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
    // One poll phase later, so that the worker's last output on stderr has been read as well.
    this.#clock.afterPoll(() => this.#listener?.onReadEnd());
  }
}

/** Null after the socket is closed. `fd` is negative where the system has none. */
function handleOf(socket: Socket): { readonly fd?: number } | null {
  return (socket as unknown as { _handle: { readonly fd?: number } | null })._handle;
}
