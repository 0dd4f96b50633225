/**
 * The worker's stdout and stderr, as far as the task module uses them: what they still hold when the worker leaves, and what
 * becomes of their errors.
 *
 * Node makes each of the two streams when it is first asked for, and so does this wait for that: making one takes a
 * millisecond, and puts a descriptor that other processes share into another mode.
 */
import type { Writable } from 'node:stream';

// Captured: task modules may replace them.
const after: typeof setTimeout = setTimeout;
const { apply, defineProperty, getOwnPropertyDescriptor } = Reflect;

/** A pipe whose reader is slow takes some milliseconds at least. */
const LOOK_MS = 5;

const streams: Writable[] = [];

/** To be called before the task module runs. */
export function watchOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const property = getOwnPropertyDescriptor(process, name);
    const make = property?.get;
    if (property?.configurable !== true || make === undefined) continue; // then it is as Node gives it
    let stream: Writable | undefined;
    const get = (): Writable => {
      if (stream === undefined) {
        stream = apply(make, process, []) as Writable;
        watch(stream);
      }
      return stream;
    };
    defineProperty(process, name, { ...property, get });
  }
}

function watch(stream: Writable): void {
  streams.push(stream);
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Who read it has gone: `node app.mjs | head -1`. That is the program's to decide on, and no reason for a worker to die.
    if (error.code === 'EPIPE') return;
    if (stream.listenerCount('error') === 1) throw error; // as without this listener
  });
}

/** Calls back when all that was written has left this process: at once, if it has already. */
export function whenWritten(done: () => void): void {
  if (streams.every(isEmpty)) done();
  else after(() => whenWritten(done), LOOK_MS);
}

function isEmpty(stream: Writable): boolean {
  return stream.destroyed || stream.writableLength === 0;
}
