/**
 * Where the code of the workers is: in the file of this package or, when a bundler has taken this package apart, in the text that
 * was bundled with it.
 *
 * In a bundle `import.meta.url` names the bundle, the module as it was on the machine that built it, or nothing at all, so a file counts
 * only if its first line says that it comes from the same build.
 */
import { closeSync, openSync, readSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { EverpoolError } from '../../shared/errors.js';
import { EMBEDDED_URL, EMBEDDED_WORKER, WORKER_MARK } from './embedded-worker.js';

export interface WorkerCode {
  /** What stands between Node's own options and the arguments of the worker. */
  readonly entry: readonly string[];
  /** The folder that the workers read it from. */
  readonly folder: string | undefined;
  /** How the URLs of its frames begin. */
  readonly frames: string;
}

// Not one expression: a bundler would take `new URL('…', import.meta.url)` for an asset.
const here: string | undefined = import.meta.url;

const UNPACK = `(0,eval)(process.getBuiltinModule('zlib').brotliDecompressSync(Buffer.from(process.argv.splice(1,1)[0],'base64')).toString())`;

let found: WorkerCode | undefined;

/** @throws EverpoolError (ERR_EVERPOOL_UNSUPPORTED) when there is none */
export function workerCode(): WorkerCode {
  found ??= fileCode() ?? embeddedCode();
  return found;
}

/** The Node that this process runs in. @throws EverpoolError (ERR_EVERPOOL_UNSUPPORTED) when it runs nothing but this program */
export function ownNode(): string {
  if (process.getBuiltinModule('node:sea')?.isSea() === true) {
    const message = `${process.execPath} is a single executable, which as a worker would be this program again: give the pool the path of a Node, as in new Pool({ execPath: '/usr/bin/node' })`;
    throw new EverpoolError(message, 'ERR_EVERPOOL_UNSUPPORTED');
  }
  return process.execPath;
}

function fileCode(): WorkerCode | undefined {
  if (here?.startsWith('file:') !== true) return undefined;
  try {
    // Node follows links to what it runs first, also where this process does not (`--preserve-symlinks`).
    const file = realpathSync(fileURLToPath(new URL('../../worker/entry.js', here)));
    if (WORKER_MARK === '' || !beginsWith(file, WORKER_MARK)) return undefined;
    const folder = dirname(dirname(file));
    return { entry: [file], folder, frames: pathToFileURL(join(folder, '/')).href };
  } catch {
    return undefined; // There is none, or this process may not read it.
  }
}

/** No more is read: it is done at the start of each program. */
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
  if (EMBEDDED_WORKER === '') throw new EverpoolError('everpool has no code for its workers: run its build', 'ERR_EVERPOOL_UNSUPPORTED');
  return { entry: evaluate(EMBEDDED_WORKER, process.platform), folder: undefined, frames: EMBEDDED_URL };
}

/** @param packed a script, packed (embedded-worker.ts): the whole command line of Windows has 32,767 characters, so there it stays so */
export function evaluate(packed: string, platform: NodeJS.Platform): string[] {
  if (platform === 'win32') return ['-e', UNPACK, '--', packed];
  // Not imported: it costs each start of a program a millisecond.
  return ['-e', process.getBuiltinModule('node:zlib').brotliDecompressSync(Buffer.from(packed, 'base64')).toString(), '--'];
}
