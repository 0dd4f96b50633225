/**
 * Pools with one protection switched off in their platform, which show that an experiment that
 * finds no harm could find it.
 *
 * The pool is the same; it only learns less, as a pool without that protection would.
 */
import type { Pool } from 'everpool';
import * as internals from '../../dist/pool/pool.js';
import { FrameType, type Message } from '../../src/ipc/frame.js';
import { FrameReader } from '../../src/ipc/frame-reader.js';
import type { platformOf as PlatformOf } from '../../src/pool/pool.js';
import type { ControlFile, ProcessListener, WorkerProcess } from '../../src/shared/platform.js';
import { isRunning } from './pools.js';

/** Not in the published types. */
const { platformOf } = internals as unknown as { platformOf: typeof PlatformOf };

type Wrap = (process: WorkerProcess, answered: () => number) => Partial<WorkerProcess>;

/**
 * The pool of `make`, with `wrap` around the processes of its workers; `answered` is the last
 * attempt that one answered.
 */
export function weakened<T extends Pool<object>>(make: () => T, wrap: Wrap): T {
  const real = platformOf.make;
  platformOf.make = (options) => {
    const platform = real(options);
    const { spawner } = platform;
    return {
      ...platform,
      spawner: {
        spawn: (id: number, listener: ProcessListener) => {
          let answered = 0;
          const reader = new FrameReader((message: Message) => {
            if (message.type === FrameType.Result || message.type === FrameType.Failure) answered = Math.max(answered, message.seq);
          });
          const process = spawner.spawn(id, {
            onData: (chunk: Buffer, bytes: number = chunk.length) => {
              reader.push(Buffer.from(chunk.subarray(0, bytes)));
              listener.onData(chunk, bytes);
            },
            onReadEnd: () => listener.onReadEnd(),
            onExit: (code, signal) => listener.onExit(code, signal),
            onSpawnError: (error) => listener.onSpawnError(error),
            onSpawned: () => listener.onSpawned(),
            onOutput: (stream, chunk) => listener.onOutput(stream, chunk),
            onDrain: () => listener.onDrain(),
          });
          return overlaid(
            process,
            wrap(process, () => answered),
          );
        },
        close: () => spawner.close(),
      },
    };
  };
  try {
    return make();
  } finally {
    platformOf.make = real;
  }
}

function overlaid<T extends object>(whole: T, changes: Partial<T>): T {
  return new Proxy(whole, {
    get: (target, key) => {
      const source = key in changes ? changes : target;
      const value: unknown = Reflect.get(source, key, source);
      return typeof value === 'function' ? value.bind(source) : value;
    },
  });
}

/**
 * With a control file that does not show which attempts the worker has claimed: starts are only
 * guessed from the answers.
 */
export const withGuessedClaims: Wrap = ({ controlFile }, answered) => {
  let last = 0; // the last attempt that was offered
  let unclaimed = Number.POSITIVE_INFINITY;
  const guess = (): number => (answered() + 2 <= last ? answered() + 2 : Number.POSITIVE_INFINITY);
  const changes: Partial<ControlFile> = {
    offer: (seq) => {
      if (seq <= last && seq < unclaimed) return; // it was claimed: a second offer would end the worker
      last = Math.max(last, seq);
      controlFile.offer(seq);
    },
    unclaimed: guess,
    recall: () => {
      unclaimed = controlFile.recall();
      return guess();
    },
  };
  return { controlFile: overlaid(controlFile, changes) };
};

/**
 * With one socket for both directions: a write to a dead worker fails, and destroys what was not
 * read yet.
 */
export const withSharedSocket: Wrap = (process) => ({
  send: (parts) => {
    if (process.pid !== undefined && !isRunning(process.pid)) process.disconnect();
    return process.send(parts);
  },
});
