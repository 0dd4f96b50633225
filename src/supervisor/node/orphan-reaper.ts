/**
 * The orphan reaper (G8): a tiny companion process that outlives this process and then kills the
 * process groups of its workers.
 *
 * A spinning worker cannot notice that its parent has died. The companion can: it blocks in a read
 * on a pipe from this process, receives every worker's pid before user code runs, and at the end of
 * file kills their groups. It leads its own group. Otherwise, in a nested pool, it would die with
 * the outer worker's group, and a spinning inner worker would survive.
 *
 * `OrphanReaper` owns the companion and the list of pids that it must know. It never keeps this
 * process alive and never blocks a caller for ever: without a companion the pool continues, with G8
 * degraded, while the start is retried.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import type { Socket } from 'node:net';
import { NodeClock } from '../../shared/node-clock.js';
import type { Clock, Timer } from '../../shared/platform.js';
import { requireDescriptors } from './descriptors.js';
import { ProcStat } from './proc-stat.js';
import { signalProcess } from './process-group.js';

/** Idle workers see their own end of file and exit within this time, once per level of nesting. */
const LEAVE_MS = 300;
/** A companion that takes no pid within this time is broken, and must not delay a worker's boot. */
const SEND_BOUND_MS = 500;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 5000;
/** The interval of checks. A stopped companion would kill nothing; reading its state takes 3 µs. */
const CHECK_MS = 250;
/** The interval of pings, where its state cannot be read. It must answer before the next one. */
const ASK_MS = 1000;
/** A companion that lived this long had started correctly: the retry delay begins anew. */
const PROVEN_AFTER_MS = 5000;
/** The name of the companion in lists of processes. */
const TITLE = 'everpool-orphan-reaper';

// A line is `+pid`, `-pid` or `?`. The kill is in the EXIT trap, so it also runs when the shell
// itself gives up, for example because it cannot fork `sleep`. Where `sleep` takes only whole
// seconds, one second is still within the two of G8.
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

// The same for systems without a shell.
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
  /** Whether it is pinged. @default true where its state cannot be read (not on Linux) */
  readonly asks?: boolean;
}

interface Entry {
  readonly pid: number;
  /** Set until the companion has the pid, or the time is over. */
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
  #vitals: ProcStat | undefined; // the companion's
  #hasAnswered = true;

  constructor(options: OrphanReaperOptions = {}) {
    this.#asks = options.asks ?? process.platform !== 'linux';
    this.#shell = options.shell ?? '/bin/sh';
    this.#clock = options.clock ?? new NodeClock();
  }

  /** The pid of the companion, if it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Adds a user, who must call `leave` once. The companion starts with the first pid. */
  join(): void {
    this.#users++;
  }

  /** Removes a user. Without users and pids, the companion ends (G9). */
  leave(): void {
    this.#users--;
    this.#endIfUnused();
  }

  /**
   * From now on the group of `pid` is killed if this process dies. Calls back, never synchronously,
   * when the companion has the pid.
   */
  add(pid: number, done: () => void): void {
    this.#forget(pid);
    const entry: Entry = { pid, done, bound: undefined };
    entry.bound = this.#clock.setTimer(() => this.#finish(entry), SEND_BOUND_MS);
    this.#entries.set(pid, entry);
    if (this.#child !== undefined) this.#send(`+${pid}\n`, [entry]);
    else if (this.#retry === undefined) this.#start();
  }

  /** Called as soon as nothing of the group is left, so that a reused pid is never killed. */
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
    // Bytes in the pipe reach the companion even if this process dies in the next instruction.
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
      ? { path: this.#shell, args: ['-c', SHELL_SCRIPT, TITLE] }
      : { path: process.execPath, args: ['-e', NODE_SCRIPT, TITLE] };
    try {
      requireDescriptors(1);
      const child = spawn(program.path, program.args, {
        // It must hold nothing of this process but the pipe: no terminal, no folder, no descriptor.
        stdio: ['pipe', this.#asks ? 'pipe' : 'ignore', 'ignore'],
        cwd: '/',
        env: { PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
        detached: true,
        windowsHide: true,
      });
      child.on('error', ignore); // the missing pid shows it earlier
      child.stdin?.on('error', ignore);
      child.stdout?.on('error', ignore);
      return child;
    } catch {
      return undefined; // any error (EMFILE, ENOMEM) is retried; the pool does not wait
    }
  }

  #lost(child: ChildProcess): void {
    if (child !== this.#child) return;
    this.#dismiss();
    if (this.#clock.now() - this.#startedAt >= PROVEN_AFTER_MS) this.#failures = 0;
    if (this.#entries.size === 0) return; // the next pid starts another
    // Immediately after the first failure (a kill by hand), then with growing pauses.
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
    // Its answer is read first.
    this.#checkTimer = this.#clock.setTimer(() => this.#clock.afterPoll(check), this.#asks ? ASK_MS : CHECK_MS);
  }

  /**
   * Replaces a stopped companion with a new one, which gets the same pids. At worst, a pause of
   * this process replaces a healthy one.
   */
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

/**
 * Kills a companion that is no longer needed. SIGKILL also ends a stopped one. It comes before the
 * pipe closes, because then the companion would kill the workers.
 */
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

/** The orphan reaper of this process. All pools share it. */
export function sharedOrphanReaper(): OrphanReaper {
  shared ??= new OrphanReaper();
  return shared;
}
