/**
 * Builds a `Death` from the facts of a worker's end, and describes it in error messages: the cause,
 * the phase, and a hint where the exit code or signal alone does not help. Pure functions.
 */
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
  /** The process never started. */
  readonly spawnError?: Error | undefined;
  /** Details of the fault. */
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

/** A fault takes precedence over the signal: with that signal the pool only ended the worker. */
function causeOf(facts: DeathFacts): Death['cause'] {
  if (facts.spawnError !== undefined) return 'spawn';
  if (facts.fault !== undefined) return facts.fault;
  if (!facts.requested && isHeapAbort(facts)) return 'memory';
  if (facts.signal !== null) return 'signal';
  // Neither: SIGKILL has not ended it (uninterruptible sleep), and the pool stops waiting (G7).
  return facts.exitCode === null ? 'unresponsive' : 'exit';
}

const ABORTS: readonly (NodeJS.Signals | number | null)[] = ['SIGABRT', 'SIGTRAP', 'SIGILL', 134, 133, 132];

/**
 * V8 ran out of heap: it prints so on stderr and aborts. A shell in between turns the signal into
 * exit code 128 + its number.
 */
export function isHeapAbort(death: Pick<Death, 'exitCode' | 'signal' | 'stderrTail'>): boolean {
  if (!ABORTS.includes(death.signal) && !(death.exitCode !== null && ABORTS.includes(death.exitCode))) return false;
  return /FATAL ERROR:.*(?:heap|allocation failed|out of memory)|Fatal (?:JavaScript|process) out of memory/i.test(death.stderrTail);
}

const WHILE: Record<Death['phase'], string> = {
  boot: 'while booting',
  idle: 'while idle',
  task: 'while running a task',
  stopping: 'while shutting down',
};

/**
 * The end of the sentence "worker 3 …": `(pid 4711) exited with code 3 while running a task`, with
 * the hint that a bare exit code or signal does not give.
 */
export function describeDeath(death: Death): string {
  if (death.cause === 'spawn') return `could not be spawned: ${death.detail ?? 'the system gave no reason'}`;
  const pid = death.pid === undefined ? '' : `(pid ${death.pid}) `;
  const end = death.requested ? `${describeEnd(death)} at the pool's request` : describeFault(death);
  const hint = death.requested ? '' : hintOf(death);
  return `${pid}${end} ${WHILE[death.phase]}${hint === '' ? '' : ` (${hint})`}`;
}

const FAULTS: Record<Fault, (death: Death) => string> = {
  disconnect: () => 'closed its channel',
  protocol: () => 'broke the protocol of its channel',
  'boot-timeout': () => 'was not ready within bootTimeoutMs',
  unresponsive: () => 'stopped answering',
  memory: (death) => (isHeapAbort(death) ? 'ran out of V8 heap' : 'exceeded limits.rssBytes'),
};

function describeFault(death: Death): string {
  const { cause } = death;
  if (cause === 'host') return 'was lost with its host';
  const hasEnded = death.exitCode !== null || death.signal !== null;
  if (cause === 'spawn' || cause === 'exit' || cause === 'signal' || (cause === 'unresponsive' && !hasEnded)) return describeEnd(death);
  const isBare = death.detail === undefined || (cause === 'memory' && isHeapAbort(death));
  const detail = isBare ? '' : ` (${death.detail})`;
  return `${FAULTS[cause](death)}${detail} and ${describeEnd(death)}`;
}

function describeEnd(death: Death): string {
  if (death.signal !== null) return `was killed by ${death.signal}`;
  if (death.exitCode !== null) return `exited with code ${death.exitCode}`;
  return 'outlived every signal sent by the kill ladder';
}

function hintOf(death: Death): string {
  if (death.cause === 'memory') return isHeapAbort(death) ? 'limits.heapMb raises the heap limit' : '';
  if (death.cause === 'signal') return death.signal === 'SIGKILL' ? "not sent by the pool; possibly the kernel's out-of-memory killer" : '';
  if (death.cause !== 'exit') return '';
  if (death.exitCode === 0 && death.phase === 'task')
    return 'without a reply: something called process.exit(), or the event loop was empty';
  if (death.exitCode === 13) return 'a top-level await that never settled';
  return '';
}

/** The value that the boot threw, decoded from the worker's message. */
export function thrownIn(message: Message): unknown {
  try {
    return decode(message.codec, message.body, message.attachments);
  } catch (error) {
    return error; // the stderr tail has the original error
  }
}
