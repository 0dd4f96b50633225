/**
 * Sends signals to processes and process groups, and confirms that nothing of a group runs any more
 * (G7).
 *
 * Functions without state. They never signal pid 0 or 1 or their groups: `kill(-1)` reaches every
 * process of the user.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import type { Clock } from '../../shared/platform.js';

/** `sent`: a process received it. `absent`: there is none. `denied`: it may not be signalled. */
export type Reach = 'sent' | 'absent' | 'denied';

const hasGroups: boolean = process.platform !== 'win32';
const FIRST_POLL_MS = 5;
const LONGEST_POLL_MS = 100;
/**
 * A group of zombies can still be signalled, and zombies stay where nobody reaps them. After this
 * number of polls the states are read too.
 */
const POLLS_BEFORE_SCAN = 3;
/** The number of states that are read before the event loop gets a turn: about 2 ms. */
const SCAN_SLICE = 200;

const { signals } = constants;
/**
 * The binding under `process.kill`, kept from the import on. `process.kill` reads it on each call,
 * so a program that replaces it would otherwise protect its workers from every kill.
 */
const systemKill: (pid: number, signal: number) => number = (process as unknown as { _kill: typeof systemKill })._kill;

/** Signals one process, or with `tree` its whole group. Signal 0 only checks. Never throws. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0, tree: boolean): Reach {
  if (!Number.isInteger(pid) || pid <= 1) return 'absent';
  const number = signal === 0 ? 0 : signals[signal];
  if (number === undefined) return 'absent'; // a signal unknown to this system reaches no process
  try {
    const code = systemKill(tree && hasGroups ? -pid : pid, number);
    if (code === 0) return 'sent';
    return getSystemErrorName(code) === 'EPERM' ? 'denied' : 'absent';
  } catch {
    return 'denied'; // replaced before the import: the result is unknown
  }
}

export interface Ending {
  /** The process. With `tree`, the leader of its group. */
  readonly pid: number;
  readonly tree: boolean;
  /** Whether the process itself has been reaped. */
  readonly exited: () => boolean;
  readonly boundMs: number;
  readonly clock: Clock;
}

/**
 * Sends SIGKILL to what is left of a process (with `tree`: of its group) until nothing of it runs.
 * Returns false if something outlived `boundMs`.
 */
export async function endGroup({ pid, tree, exited, boundMs, clock }: Ending): Promise<boolean> {
  let leftMs = boundMs;
  let pollMs = FIRST_POLL_MS;
  for (let polls = 0; ; polls++) {
    if (!tree && exited()) return true;
    // Again at every poll: a number is not reused while its group exists.
    const reach = signalProcess(pid, 'SIGKILL', tree);
    if (reach === 'absent') return true;
    // macOS denies signals to a group of zombies.
    if (reach === 'denied' && process.platform === 'darwin' && exited()) return true;
    const isLast = leftMs <= 0;
    if ((isLast || polls >= POLLS_BEFORE_SCAN) && !(await isRunning(pid, tree, clock))) return true;
    if (isLast) return false;
    const since = clock.now();
    await new Promise<void>((resolve) => clock.setTimer(resolve, Math.max(1, Math.min(pollMs, leftMs))));
    // A pause of this process does not count against the other.
    leftMs -= Math.min(clock.now() - since, 2 * pollMs);
    pollMs = Math.min(pollMs * 2, LONGEST_POLL_MS);
  }
}

/**
 * Whether a process that is not a zombie is left. Where the system does not report states, every
 * process that can be signalled counts as running.
 */
async function isRunning(pid: number, tree: boolean, clock: Clock): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  if (!tree) return runsInGroup(String(pid), undefined);
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return true; // no /proc here
  }
  const group = String(pid);
  let left = SCAN_SLICE;
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    if (runsInGroup(name, group)) return true;
    if (--left > 0) continue;
    left = SCAN_SLICE;
    await new Promise<void>((resolve) => clock.afterPoll(resolve));
  }
  return false;
}

function runsInGroup(pid: string, group: string | undefined): boolean {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return false; // it has just ended
  }
  // "pid (name) state ppid pgrp …": the name may contain spaces and brackets.
  const [state, , pgrp] = stat.slice(stat.lastIndexOf(')') + 2).split(' ', 3);
  return (group === undefined || pgrp === group) && state !== 'Z' && state !== 'X' && state !== 'x';
}
