/**
 * Who writes a journal: one at a time among all processes of the machine, and none that is gone.
 *
 * Everybody who wants to write puts an empty file, a ticket, into a folder that all share, and then looks who else
 * has one. The name of a ticket tells the journal by device and inode, so that links and other paths are
 * the same one; the time; and the process by its pid and its start, as pids are given again. The oldest ticket wins.
 *
 * Two can never win: of two who look after they have put their tickets, at least one sees the other. A crash at any point leaves a
 * ticket of a process that is gone. Whoever sees it takes it away, and that is no race: no name ever comes twice.
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
/** Of a process whose start the system does not tell. */
const UNKNOWN = 'x';
/** Of a zombie: it writes nothing any more. */
const ENDED = 'ended';
/** Who comes a moment later than another, and looks before that one has put its ticket, takes it back soon: or else it writes. */
const TIE_MS = 500;
const POLL_MS = 2;

const { pid, platform } = process;

interface Ticket {
  readonly place: string;
  readonly name: string;
  /** Of the journal. */
  readonly key: string;
  /** Tickets are ordered by it: the time, on the clock that all processes share. */
  readonly order: string;
  readonly pid: number;
  readonly start: string;
}

/** Gives the function that unlocks. @throws EverpoolError (ERR_EVERPOOL_JOURNAL) */
export async function lockJournal(path: string, { dev, ino }: BigIntStats): Promise<() => void> {
  const mine = putTicket(path, `${dev}-${ino}`);
  try {
    for (let waitsMs = 0; ; waitsMs += POLL_MS) {
      const others = rivals(mine);
      const older = others.find(({ order }) => order < mine.order);
      if (older !== undefined) throw heldBy(older, path);
      const [younger] = others;
      if (younger === undefined) return () => takeAway(mine);
      if (waitsMs >= TIE_MS) throw heldBy(younger, path);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  } catch (error) {
    takeAway(mine);
    throw error;
  }
}

function heldBy(holder: Ticket, path: string): EverpoolError {
  if (holder.pid === pid) return journalError(path, 'is being written by another map of this process');
  return journalError(path, `is being written by process ${holder.pid}: wait until that has ended, or use another file`);
}

/** In memory where there is such a folder. If it is full or not writable, the one for temporary files may do; both are always looked at. */
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
      readdirSync(place); // one that cannot be looked at is of no use
      return { place, name, key, order, pid, start };
    } catch (error) {
      cause = error;
    }
  }
  throw journalError(path, `cannot be locked, as no file can be made in ${folders.join(' or ')}: ${textOf(cause)}`, cause);
}

/** The tickets of living processes for the same journal. Those of the dead are taken away. */
function rivals(mine: Ticket): Ticket[] {
  const living: Ticket[] = [];
  for (const place of places()) {
    for (const ticket of ticketsIn(place)) {
      if (ticket.name === mine.name) continue;
      if (!isRunning(ticket)) takeAway(ticket);
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
    return []; // nobody can have put one there
  }
  return names.flatMap((name) => {
    const [, key, order, holder, start] = /^everpool-journal-(\d+-\d+)-(\d{20})-(\d+)-(\w+)-\w*$/.exec(name) ?? [];
    return key === undefined ? [] : { place, name, key, order: order as string, pid: Number(holder), start: start as string };
  });
}

function takeAway({ place, name }: Ticket): void {
  try {
    unlinkSync(join(place, name));
  } catch {
    // Somebody was faster; or it is another user's, and does not count.
  }
}

function isRunning(ticket: Ticket): boolean {
  if (!exists(ticket.pid)) return false;
  const start = startOf(ticket.pid);
  if (start === undefined) return exists(ticket.pid); // hidden from us, or it has just ended
  return start !== ENDED && (ticket.start === start || ticket.start === UNKNOWN);
}

function exists(holder: number): boolean {
  return signalProcess(holder, 0, false) !== 'absent'; // one that may not be signalled is another user's
}

/** When the process started, as the system counts; undefined: it does not tell. */
function startOf(holder: number): string | undefined {
  try {
    if (platform !== 'linux') return platform === 'win32' ? undefined : startByPs(holder);
    const stat = readFileSync(`/proc/${holder}/stat`, 'latin1');
    // "pid (name) state ppid …": the name may hold spaces and brackets; the start is the 22nd field of all.
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
