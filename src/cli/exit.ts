/** The exit codes of the command. After a signal: 128 plus its number. */
import { constants } from 'node:os';

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The signals that end a run. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** A mistake on the command line or in the input: reported in one line, without a stack. */
export class UsageError extends Error {}

/** Writes one line to stderr. */
export function say(text: string): void {
  process.stderr.write(`everpool: ${text}\n`);
}
