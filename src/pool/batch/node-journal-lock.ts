/**
 * The lock of a journal: one writer at a time among all processes of the machine, and never a dead
 * one.
 *
 * A process that wants to write puts an empty file, a ticket, into a folder that all share, and
 * then reads which other tickets are there. The oldest ticket wins. The name of a ticket has
 *
 * - the device and inode of the journal, so that links and other paths name the same journal;
 * - the time;
 * - the pid and the start time of the process, as pids are reused.
 *
 * Two can never win: each reads after it has put its own ticket, so of two at least one sees the
 * other. A crash at any point leaves the ticket of a dead process. Whoever sees it removes it. That
 * causes no race, because no name comes twice.
 */
import { execFileSync } from 'node:child_process';
import { type BigIntStats, closeSync, openSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EverpoolError } from '../../shared/errors.js';
import { textOf } from '../../shared/program.js';
import { signalProcess } from '../../supervisor/node/process-group.js';
import { journalError } from './journal-store.js';

const PREFIX = 'everpool-journal-';
/** The start of a process whose start time the system does not reveal. */
const UNKNOWN = 'x';
/** The start of a zombie, which writes nothing any more. */
const ENDED = 'ended';
/**
 * For how long a younger ticket may stay: either its process sees ours and removes it, or it writes
 * already.
 */
const TIE_MS = 500;
const POLL_MS = 2;

const { pid, platform } = process;

interface Ticket {
  readonly place: string;
  readonly name: string;
  /** Device and inode of the journal. */
  readonly key: string;
  /** The time, on the clock that all processes share. */
  readonly order: string;
  readonly pid: number;
  readonly start: string;
}

/** Returns the function that unlocks. @throws EverpoolError (ERR_EVERPOOL_JOURNAL) */
export async function lockJournal(path: string, { dev, ino }: BigIntStats): Promise<() => void> {
  const mine = putTicket(path, `${dev}-${ino}`);
  try {
    for (let waitsMs = 0; ; waitsMs += POLL_MS) {
      const others = rivals(mine);
      const older = others.find(({ order }) => order < mine.order);
      if (older !== undefined) throw heldBy(older, path);
      const [younger] = others;
      if (younger === undefined) return () => remove(mine);
      if (waitsMs >= TIE_MS) throw heldBy(younger, path);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    remove(mine);
    throw error;
  }
}

function heldBy(holder: Ticket, path: string): EverpoolError {
  if (holder.pid === pid) return journalError(path, 'is being written by another map of this process');
  return journalError(path, `is being written by process ${holder.pid}: wait until that process has ended, or use another file`);
}

/**
 * Folders for tickets: one in memory, if there is one, and that for temporary files, if the first
 * is full or read-only. Both are always read.
 */
function places(): string[] {
  return [...new Set(platform === 'linux' ? ['/dev/shm', tmpdir()] : [tmpdir()])];
}

function putTicket(path: string, key: string): Ticket {
  const [seconds, nanoseconds] = process.hrtime();
  const order = `${String(seconds).padStart(11, '0')}${String(nanoseconds).padStart(9, '0')}`;
  const start = startOf(pid) ?? UNKNOWN;
  const name = `${PREFIX}${key}-${order}-${pid}-${start}-${Math.random().toString(36).slice(2)}`;
  let cause: unknown;
  const folders = places();
  for (const place of folders) {
    try {
      closeSync(openSync(join(place, name), 'wx', 0o600));
      readdirSync(place); // a folder that cannot be read is of no use
      return { place, name, key, order, pid, start };
    } catch (error) {
      cause = error;
    }
  }
  throw journalError(path, `cannot be locked, because no file can be created in ${folders.join(' or ')}: ${textOf(cause)}`, cause);
}

/** Returns the tickets of living processes for the same journal, and removes those of dead ones. */
function rivals(mine: Ticket): Ticket[] {
  const living: Ticket[] = [];
  for (const place of places()) {
    for (const ticket of ticketsIn(place)) {
      if (ticket.name === mine.name) continue;
      if (!isRunning(ticket)) remove(ticket);
      else if (ticket.key === mine.key) living.push(ticket);
    }
  }
  return living;
}

function ticketsIn(place: string): Ticket[] {
  let names: string[];
  try {
    names = readdirSync(place);
  } catch {
    return []; // then nobody has put a ticket there
  }
  return names.flatMap((name) => {
    const [, key, order, holder, start] = /^everpool-journal-(\d+-\d+)-(\d{20})-(\d+)-(\w+)-\w*$/.exec(name) ?? [];
    return key === undefined ? [] : { place, name, key, order: order as string, pid: Number(holder), start: start as string };
  });
}

function remove({ place, name }: Ticket): void {
  try {
    unlinkSync(join(place, name));
  } catch {
    // Another process was faster; or the ticket is another user's, and does not count.
  }
}

function isRunning(ticket: Ticket): boolean {
  if (!exists(ticket.pid)) return false;
  const start = startOf(ticket.pid);
  if (start === undefined) return exists(ticket.pid); // hidden from this process, or just ended
  return start !== ENDED && (ticket.start === start || ticket.start === UNKNOWN);
}

function exists(holder: number): boolean {
  return signalProcess(holder, 0, false) !== 'absent'; // a process that may not be signalled is another user's
}

/** The start time of a process, in the system's unit; undefined: the system does not reveal it. */
function startOf(holder: number): string | undefined {
  try {
    if (platform !== 'linux') return platform === 'win32' ? undefined : startByPs(holder);
    const stat = readFileSync(`/proc/${holder}/stat`, 'latin1');
    // "pid (name) state ppid …": the name may have spaces and brackets; the start is the 22nd
    // field.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 20);
    return fields[0] === 'Z' || fields[0] === 'X' ? ENDED : fields[19];
  } catch {
    return undefined;
  }
}

function startByPs(holder: number): string | undefined {
  const env = { LC_ALL: 'C', TZ: 'UTC' };
  const text = execFileSync('/bin/ps', ['-o', 'lstart=', '-p', String(holder)], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ms = Date.parse(`${text.trim()} UTC`);
  return Number.isNaN(ms) ? undefined : String(ms);
}
