/**
 * The files that a run reads and writes. All are checked before the first is opened for writing, so
 * that a mistake empties none.
 */
import { accessSync, closeSync, constants, fstatSync, openSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { UsageError } from './exit.js';

export interface Files {
  /** A URL. Undefined: it is not loaded here. */
  readonly module: string | undefined;
  /** Undefined: nothing is read. */
  readonly in: string | undefined;
  readonly out: string | undefined;
  readonly joblog: string | undefined;
  readonly journal: string | undefined;
}

interface Place {
  readonly option: string;
  readonly isWritten: boolean;
  /**
   * The same for all links to one file. Undefined where sharing is harmless: terminals, pipes,
   * devices.
   */
  readonly identity: string | undefined;
}

/** The limit of Linux. */
const MOST_LINKS = 40;
const STDIN = 0;
const STDOUT = 1;

/** @throws UsageError that names the option and the file */
export function checkFiles(files: Files): void {
  const places = [
    files.module === undefined ? undefined : moduleAt(files.module),
    files.in === undefined ? undefined : files.in === '-' ? stdin() : readable('--in', files.in),
    isStandard(files.out) ? standard(STDOUT, 'stdout', true) : writable('--out', files.out),
    files.joblog === undefined
      ? undefined
      : isStandard(files.joblog)
        ? standard(STDOUT, '--joblog', true)
        : writable('--joblog', files.joblog),
    files.journal === undefined ? undefined : writable('--journal', files.journal),
  ].filter((place) => place !== undefined);
  if (isStandard(files.out) && files.joblog === '-')
    throw new UsageError('--joblog: stdout carries the results; name a file, or use --out');
  for (const [index, place] of places.entries()) {
    for (const other of places.slice(index + 1)) {
      if (place.identity === undefined || place.identity !== other.identity || (!place.isWritten && !other.isWritten)) continue;
      throw new UsageError(`${other.option} and ${place.option} are the same file; nothing was run or changed`);
    }
  }
}

/** The URL of the module that the command line names. */
export function moduleUrl(text: string): string {
  return /^\w+:\/\//.test(text) ? text : pathToFileURL(resolve(text)).href;
}

/** True for `-` and for no name: stdin or stdout. */
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
  if (stats.isSocket()) throw new UsageError(`${option}: ${file} is a socket, which cannot be opened as a file`);
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new UsageError(`${option}: ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return { option, isWritten: false, identity: identityOf(stats) };
}

/** From a directory or a block device as stdin, Node reads nothing and reports no error. */
function stdin(): Place | undefined {
  const place = standard(STDIN, 'stdin', false);
  const stats = place === undefined ? undefined : fstatSync(STDIN);
  if (stats?.isDirectory() === true) throw new UsageError('stdin is a directory');
  if (stats?.isBlockDevice() === true) throw new UsageError('stdin is a block device: name it with --in');
  return place;
}

function writable(option: string, file: string): Place {
  if (file === '' || file.endsWith('/')) throw new UsageError(`${option}: expected the name of a file, got '${file}'`);
  const stats = found(file);
  const path = stats === undefined ? futurePath(option, file) : file;
  if (stats?.isDirectory() === true) throw new UsageError(`${option}: ${file} is a directory`);
  try {
    // Opening also finds a read-only file system, which the permissions do not show. `r+` changes
    // nothing.
    if (stats?.isFile() === true) closeSync(openSync(file, 'r+'));
    else accessSync(stats === undefined ? dirname(path) : path, constants.W_OK);
  } catch (cause) {
    throw new UsageError(`${option}: ${file} cannot be written: ${(cause as Error).message}`, { cause });
  }
  return { option, isWritten: true, identity: stats === undefined ? path : identityOf(stats) };
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

/** The real path that a missing file will have, also behind a dangling link. */
function futurePath(option: string, file: string): string {
  let path = resolve(file);
  for (let links = 0; links < MOST_LINKS; links += 1) {
    try {
      path = join(realpathSync(dirname(path)), basename(path));
      path = resolve(dirname(path), readlinkSync(path));
    } catch {
      return path; // not a link, or its folder is missing
    }
  }
  throw new UsageError(`${option}: ${file} leads through too many links`);
}
