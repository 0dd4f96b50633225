/** From the facts of a worker's end: what it is to be called, and how it is told in an error message. */
import { decode } from '../../ipc/codec/codec.js';
import type { Message } from '../../ipc/frame.js';
import type { Death, MemorySample } from '../../shared/types.js';
import { spawnErrorText } from './spawn-error.js';

/** Why the pool had to end a worker that did not end by itself. */
export type Fault = 'disconnect' | 'protocol' | 'boot-timeout' | 'unresponsive' | 'memory';

export interface DeathFacts {
  readonly phase: Death['phase'];
  readonly requested: boolean;
  readonly pid: number | undefined;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly uptimeMs: number;
  readonly stderrTail: string;
  readonly fault?: Fault | undefined;
  /** It never started. */
  readonly spawnError?: Error | undefined;
  /** What more there is to say of the fault. */
  readonly detail?: string | undefined;
  readonly samples?: readonly MemorySample[] | undefined;
}

export function buildDeath(facts: DeathFacts): Death {
  const { phase, requested, pid, exitCode, signal, uptimeMs, stderrTail, samples } = facts;
  const detail = facts.spawnError === undefined ? facts.detail : spawnErrorText(facts.spawnError);
  return {
    cause: causeOf(facts),
    phase,
    requested,
    pid,
    exitCode,
    signal,
    uptimeMs,
    stderrTail,
    ...(detail === undefined ? {} : { detail }),
    ...(samples === undefined ? {} : { samples }),
  };
}

/** A fault comes before the signal: that signal was only how the pool ended it. */
function causeOf(facts: DeathFacts): Death['cause'] {
  if (facts.spawnError !== undefined) return 'spawn';
  if (facts.fault !== undefined) return facts.fault;
  if (!facts.requested && isHeapAbort(facts)) return 'memory';
  if (facts.signal !== null) return 'signal';
  // Neither: SIGKILL has not ended it (uninterruptible sleep), and the pool waits no longer (G7).
  return facts.exitCode === null ? 'unresponsive' : 'exit';
}

const ABORTS: readonly (NodeJS.Signals | number | null)[] = ['SIGABRT', 'SIGTRAP', 'SIGILL', 134, 133, 132];

/** V8 gave up for want of heap: it says so on stderr and aborts. A shell between turns the signal into 128 + its number. */
export function isHeapAbort(death: Pick<Death, 'exitCode' | 'signal' | 'stderrTail'>): boolean {
  if (!ABORTS.includes(death.signal) && !(death.exitCode !== null && ABORTS.includes(death.exitCode))) return false;
  return /FATAL ERROR:.*(?:heap|allocation failed|out of memory)|Fatal (?:JavaScript|process) out of memory/i.test(death.stderrTail);
}

const WHILE: Record<Death['phase'], string> = {
  boot: 'while it booted',
  idle: 'while it ran no task',
  task: 'while it ran a task',
  stopping: 'while it was leaving',
};

/**
 * The end of the sentence "worker 3 …": `(pid 4711) exited with code 3 while it ran a task`. With the hint
 * that helps most: what a bare exit code or signal does not say.
 */
export function describeDeath(death: Death): string {
  if (death.cause === 'spawn') return `could not be spawned: ${death.detail ?? 'the system gave no reason'}`;
  const pid = death.pid === undefined ? '' : `(pid ${death.pid}) `;
  const end = death.requested ? `${describeEnd(death)} at the pool's request` : describeFault(death);
  const hint = death.requested ? '' : hintOf(death);
  return `${pid}${end} ${WHILE[death.phase]}${hint === '' ? '' : ` (${hint})`}`;
}

function describeFault(death: Death): string {
  const detail = death.detail === undefined ? '' : ` (${death.detail})`;
  const ended = `, and ${describeEnd(death)}`;
  switch (death.cause) {
    case 'disconnect':
      return `closed its channel${detail}${ended}`;
    case 'protocol':
      return `had a broken channel${detail}${ended}`;
    case 'boot-timeout':
      return `was not ready within bootTimeoutMs${detail}${ended}`;
    case 'unresponsive':
      return death.exitCode === null && death.signal === null ? describeEnd(death) : `stopped answering${detail}${ended}`;
    case 'memory':
      return isHeapAbort(death) ? `ran out of V8 heap${ended}` : `passed limits.rssBytes${detail}${ended}`;
    default:
      return describeEnd(death);
  }
}

function describeEnd(death: Death): string {
  if (death.signal !== null) return `was killed by ${death.signal}`;
  if (death.exitCode !== null) return `exited with code ${death.exitCode}`;
  return 'did not end, though it was sent every signal of the kill ladder';
}

function hintOf(death: Death): string {
  if (death.cause === 'memory') return isHeapAbort(death) ? 'limits.heapMb raises the limit of the heap' : '';
  if (death.cause === 'signal') return death.signal === 'SIGKILL' ? 'nobody here sent it: perhaps the kernel, out of memory' : '';
  if (death.cause !== 'exit') return '';
  if (death.exitCode === 0 && death.phase === 'task')
    return 'without a reply: something called process.exit, or nothing was left to wait for';
  if (death.exitCode === 13) return 'an await that nothing could end: an unsettled top-level await';
  return '';
}

/** What the boot threw, as the worker sent it. */
export function thrownIn(message: Message): unknown {
  try {
    return decode(message.codec, message.body, message.attachments);
  } catch (error) {
    return error; // the end of its stderr says what it was
  }
}
