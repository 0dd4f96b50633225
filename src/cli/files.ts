/** Which files a run reads and writes. All of them are checked before the first is opened for writing, so that a mistake empties none. */
import { accessSync, closeSync, constants, fstatSync, openSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from './exit.js';

export interface Files {
  readonly module: string;
  readonly in: string | undefined;
  readonly out: string | undefined;
  readonly joblog: string | undefined;
  readonly journal: string | undefined;
}

interface Place {
  readonly option: string;
  readonly isWritten: boolean;
  /** The same for all links to one file; undefined where sharing does no harm: terminals, pipes, devices. */
  readonly identity: string | undefined;
}

const STDIN = 0;
const STDOUT = 1;

/** @throws UsageError that names the option and the file */
export function checkFiles(files: Files): void {
  const places = [
    moduleAt(files.module),
    isStandard(files.in) ? standard(STDIN, 'stdin', false) : readable('--in', files.in),
    isStandard(files.out) ? standard(STDOUT, 'stdout', true) : writable('--out', files.out),
    files.joblog === undefined
      ? undefined
      : isStandard(files.joblog)
        ? standard(STDOUT, '--joblog', true)
        : writable('--joblog', files.joblog),
    files.journal === undefined ? undefined : writable('--journal', files.journal),
  ].filter((place) => place !== undefined);
  if (isStandard(files.out) && files.joblog === '-') throw new UsageError('--joblog: stdout has the results; name a file, or give --out');
  for (const [index, place] of places.entries()) {
    for (const other of places.slice(index + 1)) {
      if (place.identity === undefined || place.identity !== other.identity || (!place.isWritten && !other.isWritten)) continue;
      throw new UsageError(`${other.option} and ${place.option} are the same file: nothing was run, and it is as it was`);
    }
  }
}

/** `-`, or nothing: stdin or stdout. */
export function isStandard(file: string | undefined): file is '-' | undefined {
  return file === undefined || file === '-';
}

function moduleAt(url: string): Place | undefined {
  if (!url.startsWith('file:')) return undefined;
  const file = fileURLToPath(url);
  const stats = found(file);
  if (stats === undefined) throw new UsageError(`there is no module ${file}`);
  if (stats.isDirectory()) throw new UsageError(`${file} is a directory, not a module`);
  return { option: 'the module', isWritten: false, identity: identityOf(stats) };
}

function readable(option: string, file: string): Place {
  const stats = found(file);
  if (stats === undefined) throw new UsageError(`${option}: there is no file ${file}`);
  if (stats.isDirectory()) throw new UsageError(`${option}: ${file} is a directory`);
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new UsageError(`${option}: ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return { option, isWritten: false, identity: identityOf(stats) };
}

function writable(option: string, file: string): Place {
  const stats = found(file);
  if (stats?.isDirectory() === true) throw new UsageError(`${option}: ${file} is a directory`);
  try {
    // Opening shows more than the permissions do (a file system that is read-only), and `r+` changes nothing.
    if (stats?.isFile() === true) closeSync(openSync(file, 'r+'));
    else accessSync(stats === undefined ? dirname(resolve(file)) : file, constants.W_OK);
  } catch (cause) {
    throw new UsageError(`${option}: ${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
  return { option, isWritten: true, identity: stats === undefined ? futureIdentity(file) : identityOf(stats) };
}

function standard(descriptor: number, option: string, isWritten: boolean): Place | undefined {
  try {
    return { option, isWritten, identity: identityOf(fstatSync(descriptor)) };
  } catch {
    return undefined; // it is closed
  }
}

function found(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new UsageError(`${file}: ${(cause as Error).message}`, { cause });
  }
}

function identityOf(stats: Stats): string | undefined {
  return stats.isFile() ? `${stats.dev}:${stats.ino}` : undefined;
}

/** Of a file that is not there yet: the real path that it will have. */
function futureIdentity(file: string): string {
  const path = resolve(file);
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}
