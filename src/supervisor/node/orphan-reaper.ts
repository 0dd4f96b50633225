/**
 * The guard (G8): a tiny companion that outlives this process and ends the process groups of its workers.
 *
 * A spinning worker cannot notice that its parent is gone. The guard can: it is blocked in a read on a
 * pipe from this process, is told every worker's pid before user code is let in, and at the end of file
 * kills their groups. It leads a group of its own, or in a nested pool it would die with the outer
 * worker's group while the inner spinning worker survives.
 *
 * Owns the companion process and the list of pids it has to know. Never keeps this process alive, and
 * never makes a caller wait for ever: without a guard the pool goes on, with G8 degraded, while the
 * guard is tried again.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { NodeClock } from '../../shared/node-clock.js';
import type { Clock, Timer } from '../../shared/platform.js';
import { requireDescriptors } from './descriptors.js';
import { ProcStat } from './proc-stat.js';
import { signalProcess } from './process-group.js';

/** Idle workers see their own end of file and leave by themselves in this time; nested pools need it once for each level. */
const LEAVE_MS = 300;
/** A guard that could not be told in this time is broken, and must not hold up the boot of a worker. */
const SEND_BOUND_MS = 500;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5000;
/** How often it is looked at. One that is stopped would do nothing if this process died; reading its state takes 3 µs. */
const CHECK_MS = 250;
/** How often it is asked instead, where the system does not tell its state: it has until the next time to answer. */
const ASK_MS = 1000;
/** One that lived this long before it died did not die of its start. */
const PROVEN_AFTER_MS = 5000;

// A line is `+pid` or `-pid`. The kill is in the EXIT trap, so it is also done when the shell gives up by
// itself, such as when it cannot fork `sleep`. A sleep that takes whole seconds only is still within G8's two.
const SHELL_SCRIPT = `trap '' HUP INT QUIT TERM PIPE ALRM USR1 USR2
p=' '
end() {
  for x in $p; do kill -9 -- "-$x" || kill -9 "-$x"; done
}
trap end EXIT
while read -r l; do
  x=\${l#?}
  case $l in
    +*) p="$p$x " ;;
    '?') echo ;;
    -*) case $p in *" $x "*) p="\${p%%" $x "*} \${p#*" $x "}" ;; esac ;;
  esac
done
case $p in *[0-9]*) sleep ${LEAVE_MS / 1000} || sleep 1 ;; esac
`;

// The same where there is no shell.
const NODE_SCRIPT = `
const pids = new Set();
let rest = '';
for (const s of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM']) try { process.on(s, () => {}); } catch {}
const end = () => {
  for (const pid of pids) try { process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL'); } catch {}
  process.exit();
};
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\\n');
  rest = lines.pop();
  for (const l of lines) {
    if (l === '?') process.stdout.write('\\n');
    else if (l[0] === '+') pids.add(Number(l.slice(1)));
    else pids.delete(Number(l.slice(1)));
  }
});
process.stdin.on('error', () => {});
process.stdout.on('error', () => {});
process.stdin.on('close', () => setTimeout(end, pids.size === 0 ? 0 : ${LEAVE_MS}));
`;

export interface OrphanReaperOptions {
  /** @default '/bin/sh' */
  readonly shell?: string;
  readonly clock?: Clock;
  /** Whether it is asked if it runs. @default where the system does not tell that */
  readonly asks?: boolean;
}

interface Entry {
  readonly pid: number;
  /** Until the guard has been told, or the bound has passed. */
  done: (() => void) | undefined;
  bound: Timer | undefined;
}

export class OrphanReaper {
  readonly #shell: string;
  readonly #clock: Clock;
  readonly #entries = new Map<number, Entry>();
  #users = 0;
  #child: ChildProcess | undefined;
  #startedAt = 0;
  #failures = 0;
  #retry: Timer | undefined;
  readonly #asks: boolean;
  #checkTimer: Timer | undefined;
  #vitals: ProcStat | undefined; // of the companion
  #hasAnswered = true;

  constructor(options: OrphanReaperOptions = {}) {
    this.#asks = options.asks ?? process.platform !== 'linux';
    this.#shell = options.shell ?? '/bin/sh';
    this.#clock = options.clock ?? new NodeClock();
  }

  /** Of the companion, if one runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** A user of the guard; each needs one `leave`. The companion is started with the first pid. */
  join(): void {
    this.#users++;
  }

  /** After the last user and the last pid no companion stays (G9). */
  leave(): void {
    this.#users--;
    this.#endIfUnused();
  }

  /** Has the group of `pid` ended if this process dies. Calls back, never at once, when the guard has been told. */
  add(pid: number, done: () => void): void {
    this.#forget(pid);
    const entry: Entry = { pid, done, bound: undefined };
    entry.bound = this.#clock.setTimer(() => this.#finish(entry), SEND_BOUND_MS);
    this.#entries.set(pid, entry);
    if (this.#child !== undefined) this.#send(`+${pid}\n`, [entry]);
    else if (this.#retry === undefined) this.#start();
  }

  /** Told as soon as nothing of the group is left, so that a pid that is given away again is never killed. */
  remove(pid: number): void {
    if (!this.#forget(pid)) return;
    if (this.#child !== undefined) this.#send(`-${pid}\n`, []);
    this.#endIfUnused();
  }

  #forget(pid: number): boolean {
    const entry = this.#entries.get(pid);
    if (entry === undefined) return false;
    entry.done = undefined;
    this.#finish(entry);
    return this.#entries.delete(pid);
  }

  #finish(entry: Entry): void {
    if (entry.bound !== undefined) this.#clock.clearTimer(entry.bound);
    entry.bound = undefined;
    const done = entry.done;
    entry.done = undefined;
    done?.();
  }

  #send(lines: string, entries: readonly Entry[]): void {
    // Once the bytes are in the pipe the guard gets them, also if this process dies in the next instruction.
    this.#child?.stdin?.write(lines, (error) => {
      if (error == null) for (const entry of entries) this.#finish(entry);
    });
  }

  #start(): void {
    this.#retry = undefined;
    this.#startedAt = this.#clock.now();
    const child = this.#spawn();
    if (child?.pid === undefined || child.stdin == null) {
      child?.stdin?.destroy();
      this.#failures++;
      this.#startLater();
      return;
    }
    this.#child = child;
    child.once('exit', () => this.#lost(child));
    child.stdin.once('error', () => this.#lost(child));
    child.unref();
    (child.stdin as Socket).unref();
    this.#vitals = new ProcStat(child.pid);
    this.#hasAnswered = true;
    child.stdout?.on('data', () => {
      if (child === this.#child) this.#hasAnswered = true;
    });
    (child.stdout as Socket | null)?.unref();
    this.#checkLater();
    const entries = [...this.#entries.values()];
    if (entries.length > 0) this.#send(entries.map((entry) => `+${entry.pid}\n`).join(''), entries);
  }

  #spawn(): ChildProcess | undefined {
    const program = isExecutable(this.#shell)
      ? { path: this.#shell, args: ['-c', SHELL_SCRIPT, 'everpool-guard'] }
      : { path: process.execPath, args: ['-e', NODE_SCRIPT, 'everpool-guard'] };
    try {
      requireDescriptors(1);
      const child = spawn(program.path, program.args, {
        // It must hold nothing of this process but the pipe: no terminal, no directory, no other descriptor.
        stdio: ['pipe', this.#asks ? 'pipe' : 'ignore', 'ignore'],
        cwd: '/',
        env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
        detached: true,
        windowsHide: true,
      });
      child.on('error', ignore); // no pid says the same, and at once
      child.stdin?.on('error', ignore);
      child.stdout?.on('error', ignore);
      return child;
    } catch {
      return undefined; // whatever it is (EMFILE, ENOMEM): tried again, and the pool does not wait for it
    }
  }

  #lost(child: ChildProcess): void {
    if (child !== this.#child) return;
    this.#dismiss();
    if (this.#clock.now() - this.#startedAt >= PROVEN_AFTER_MS) this.#failures = 0;
    if (this.#entries.size === 0) return; // the next pid starts another
    // At once when it was killed by hand; with growing pauses when it cannot live.
    if (this.#failures++ === 0) this.#start();
    else this.#startLater();
  }

  #startLater(): void {
    const delay = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LONGEST_RETRY_MS);
    this.#retry = this.#clock.setTimer(() => this.#start(), delay);
  }

  #endIfUnused(): void {
    if (this.#users > 0 || this.#entries.size > 0) return;
    if (this.#retry !== undefined) this.#clock.clearTimer(this.#retry);
    this.#retry = undefined;
    this.#failures = 0;
    this.#dismiss();
  }

  #checkLater(): void {
    const child = this.#child;
    const check = (): void => {
      if (child !== undefined && child === this.#child) this.#check();
    };
    // What it answered is read first.
    this.#checkTimer = this.#clock.setTimer(() => this.#clock.afterPoll(check), this.#asks ? ASK_MS : CHECK_MS);
  }

  /** One that is stopped is replaced by one that knows as much. A pause of this process at worst replaces one that was well. */
  #check(): void {
    if (this.#asks ? !this.#hasAnswered : this.#vitals?.read()?.isStopped === true) {
      this.#dismiss();
      this.#start();
      return;
    }
    this.#checkLater();
    if (!this.#asks) return;
    this.#hasAnswered = false;
    this.#send('?\n', []);
  }

  #dismiss(): void {
    const child = this.#child;
    this.#child = undefined;
    if (this.#checkTimer !== undefined) this.#clock.clearTimer(this.#checkTimer);
    this.#checkTimer = undefined;
    this.#vitals?.close();
    this.#vitals = undefined;
    if (child !== undefined) discard(child);
  }
}

/** What it knows does not count any more, so SIGKILL does no harm, and also ends one that is stopped. Before its pipe closes, at which it would act. */
function discard(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) signalProcess(child.pid, 'SIGKILL', false);
  child.stdin?.destroy();
  child.stdout?.destroy();
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function ignore(): void {
  // An 'error' event without a listener would be an uncaught exception (G9).
}

let shared: OrphanReaper | undefined;

/** The one guard of this process, for all its pools. */
export function sharedOrphanReaper(): OrphanReaper {
  shared ??= new OrphanReaper();
  return shared;
}
