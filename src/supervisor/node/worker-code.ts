/**
 * Finds the code that workers run: the file `worker/entry.js` of this package or, if a bundler has
 * merged this package into one file, the text that was bundled with it (embedded-worker.ts).
 *
 * In a bundle `import.meta.url` is the bundle, a path on the machine that built it, or undefined.
 * So the file counts only if its first line marks it as part of the same build.
 */
import { closeSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EverpoolError } from '../../shared/errors.js';
import { EMBEDDED_URL, EMBEDDED_WORKER, WORKER_MARK } from './embedded-worker.js';

export interface WorkerCode {
  /** The arguments between Node's own options and those of the worker. */
  readonly entry: readonly string[];
  /** The folder from which workers read the code. Undefined if it is embedded. */
  readonly folder: string | undefined;
  /** The prefix of the URLs of its stack frames. */
  readonly frames: string;
}

// A variable, because a bundler takes `new URL('…', import.meta.url)` for an asset.
const here: string | undefined = import.meta.url;

const UNPACK = `(0,eval)(process.getBuiltinModule('zlib').brotliDecompressSync(Buffer.from(process.argv.splice(1,1)[0],'base64')).toString())`;

let found: WorkerCode | undefined;

/** @throws EverpoolError (ERR_EVERPOOL_UNSUPPORTED) if there is none */
export function workerCode(): WorkerCode {
  found ??= fileCode() ?? embeddedCode();
  return found;
}

/**
 * The path of the Node binary of this process.
 *
 * @throws EverpoolError (ERR_EVERPOOL_UNSUPPORTED) in a single-executable application
 */
export function ownNode(): string {
  if (process.getBuiltinModule('node:sea')?.isSea() === true) {
    const message = `${process.execPath} is a single-executable application: as a worker it would run this program again. Give the pool the path of a Node binary: new Pool({ execPath: '/usr/bin/node' })`;
    throw new EverpoolError(message, 'ERR_EVERPOOL_UNSUPPORTED');
  }
  return process.execPath;
}

function fileCode(): WorkerCode | undefined {
  if (here?.startsWith('file:') !== true) return undefined;
  try {
    // Node resolves links to the main module, even where this process runs with
    // `--preserve-symlinks`.
    const file = realpathSync(fileURLToPath(new URL('../../worker/entry.js', here)));
    if (WORKER_MARK === '' || !beginsWith(file, WORKER_MARK)) return undefined;
    const folder = dirname(dirname(file));
    return { entry: [file], folder, frames: pathToFileURL(join(folder, '/')).href };
  } catch {
    return undefined; // it does not exist, or this process may not read it
  }
}

/** Reads only the beginning, because this runs at the start of every program. */
function beginsWith(file: string, text: string): boolean {
  const bytes = Buffer.alloc(text.length);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
  return bytes.toString() === text;
}

function embeddedCode(): WorkerCode {
  if (EMBEDDED_WORKER === '') throw new EverpoolError('everpool has no worker code: run its build', 'ERR_EVERPOOL_UNSUPPORTED');
  return { entry: evaluate(EMBEDDED_WORKER, process.platform), folder: undefined, frames: EMBEDDED_URL };
}

/**
 * @param packed a compressed script (embedded-worker.ts). On Windows it stays compressed, because a
 *   command line there is limited to 32,767 characters.
 */
export function evaluate(packed: string, platform: NodeJS.Platform): string[] {
  if (platform === 'win32') return ['-e', UNPACK, '--', packed];
  // Not a static import: that would cost every program a millisecond at its start.
  return ['-e', process.getBuiltinModule('node:zlib').brotliDecompressSync(Buffer.from(packed, 'base64')).toString(), '--'];
}
