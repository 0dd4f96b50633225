/** The real files of journals. */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ignore } from '../../shared/ignore.js';
import { type JournalHandle, type JournalStore, journalError } from './journal-store.js';
import { lockJournal } from './node-journal-lock.js';

const { O_RDWR, O_APPEND, O_CREAT, O_DSYNC = 0 } = constants;
/**
 * Node 26 refuses to sync under its permission model, so there the system syncs each write.
 * (Windows cannot.)
 */
const FLAGS: number = O_RDWR | O_APPEND | O_CREAT | ('permission' in process && process.permission !== undefined ? O_DSYNC : 0);

class NodeJournalHandle implements JournalHandle {
  readonly #file: FileHandle;
  readonly #unlock: () => void;

  constructor(file: FileHandle, unlock: () => void) {
    this.#file = file;
    this.#unlock = unlock;
  }

  async read(into: Buffer, position: number): Promise<number> {
    return (await this.#file.read(into, 0, into.length, position)).bytesRead;
  }

  async append(bytes: Buffer): Promise<number> {
    return (await this.#file.write(bytes)).bytesWritten;
  }

  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }

  async sync(): Promise<void> {
    try {
      await this.#file.datasync();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED') throw error; // else each write is synced (FLAGS)
    }
  }

  close(): Promise<void> {
    this.#unlock();
    // Everything reported has been synced, so an error of the close is no news.
    return this.#file.close().catch(ignore);
  }
}

export const nodeJournals: JournalStore = {
  async open(path: string): Promise<JournalHandle> {
    // Before the file is opened, as opening a pipe may wait, and opening a device may do anything.
    const before = await statIfAny(path);
    if (before !== undefined) mustBeFile(path, before);
    const file = await open(path, FLAGS);
    try {
      const stats = await file.stat({ bigint: true });
      mustBeFile(path, stats);
      const unlock = await lockJournal(path, stats);
      if (before === undefined) await syncFolder(path);
      return new NodeJournalHandle(file, unlock);
    } catch (error) {
      await file.close().catch(ignore); // the first error is reported
      throw error;
    }
  },
};

async function statIfAny(path: string): Promise<BigIntStats | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function mustBeFile(path: string, stats: BigIntStats): void {
  if (stats.isFile()) return;
  const kind = stats.isDirectory() ? 'a folder' : stats.isFIFO() ? 'a pipe' : stats.isSocket() ? 'a socket' : 'a device';
  throw journalError(path, `is ${kind}: a journal is an ordinary file`);
}

/**
 * A new file survives a crash of the machine only if its folder is synced, too. Not every system
 * allows that.
 */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(dirname(await realpath(path)), 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // the system writes the folder in its own time
  }
}
