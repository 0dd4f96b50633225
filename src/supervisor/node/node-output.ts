/**
 * The parent's end of a worker's piped stdout or stderr. It owns the pipe, reports every chunk, and
 * forwards an inherited stderr.
 *
 * An inherited stderr is a pipe too, because errors include its tail. It is forwarded by direct
 * writes to descriptor 2: `process.stderr` would need an 'error' listener, or an EPIPE would be an
 * uncaught exception (G9), and that listener would change how the user's own failing writes behave.
 */
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Patience } from '../../shared/patience.js';
import type { Clock } from '../../shared/platform.js';

/**
 * The pause before another write to a slow reader of stderr. It slows the worker, not the parent.
 */
const RETRY_MS = 10;

export class NodeOutput {
  readonly #stream: Socket;
  readonly #clock: Clock;
  #report: ((chunk: Buffer) => void) | undefined;
  #forwards: boolean;
  #waiting: Buffer[] = [];
  #taken = 0; // the number of chunks
  #filter: ((text: string) => string) | undefined;

  constructor(stream: Socket, forwards: boolean, clock: Clock, report: (chunk: Buffer) => void) {
    this.#stream = stream;
    this.#forwards = forwards;
    this.#clock = clock;
    this.#report = report;
    stream.unref();
    stream.on('error', () => undefined); // everything readable has been reported
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
  }

  /** From now on this function edits the text of every chunk. */
  filter(filter: (text: string) => string): void {
    this.#filter = filter;
  }

  /**
   * Resolves when everything that the worker wrote before its end has been forwarded, or after
   * `limitMs`. Its descendants may keep writing.
   */
  flush(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const patience = new Patience(this.#clock);
      let isOver = false;
      const end = (): void => {
        if (isOver) return;
        isOver = true;
        patience.stop();
        this.#clock.release();
        resolve();
      };
      let seen = -1;
      const check = (): void => {
        if (isOver) return;
        const isWaiting = this.#waiting.length > 0;
        if (this.#stream.destroyed || (!isWaiting && this.#taken === seen && this.#stream.readableLength === 0)) {
          end();
          return;
        }
        // One poll phase reads everything that a pipe holds.
        seen = isWaiting ? -1 : this.#taken;
        if (isWaiting) this.#clock.setTimer(check, RETRY_MS);
        else this.#clock.afterPoll(check);
      };
      this.#clock.hold(); // a write of this process itself would keep it alive too
      patience.start(limitMs, end);
      check();
    });
  }

  release(): void {
    this.#report = undefined;
    this.#forwards = false;
    // As much as can be written immediately.
    for (const chunk of this.#waiting.splice(0)) if (writeAll(chunk) !== undefined) break;
    this.#stream.destroy();
  }

  #take(whole: Buffer): void {
    const chunk = this.#filter === undefined ? whole : Buffer.from(this.#filter(whole.toString()));
    if (chunk.length === 0) return;
    this.#taken += 1;
    this.#report?.(chunk);
    if (this.#forwards) this.#forward(chunk);
  }

  #forward(chunk: Buffer): void {
    // Node resumes even paused pipes when their process exits, so the order is kept here.
    if (this.#waiting.length > 0) {
      this.#waiting.push(chunk);
      return;
    }
    const rest = writeAll(chunk);
    if (rest === undefined) return;
    this.#waiting.push(rest);
    this.#stream.pause();
    this.#clock.setTimer(() => this.#retry(), RETRY_MS);
  }

  #retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) this.#forward(chunk);
    if (this.#waiting.length === 0) this.#stream.resume();
  }
}

let stderrFd: number | undefined;

/**
 * The first access to `process.stderr` makes Node set a pipe or socket there to non-blocking.
 * Before that, a write could block for ever.
 */
function stderr(): number {
  stderrFd ??= process.stderr.fd ?? 2; // a worker thread has no `fd`
  return stderrFd;
}

/** Returns what is not written yet. Without a reader (EPIPE, EBADF) the output is dropped. */
function writeAll(chunk: Buffer): Buffer | undefined {
  let offset = 0;
  try {
    while (offset < chunk.length) offset += writeSync(stderr(), chunk, offset);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return chunk.subarray(offset);
  }
  return undefined;
}
