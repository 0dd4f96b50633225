/** How the command ends. Interrupted by a signal: 128 and the number of the signal. */
import { constants } from 'node:os';

export const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** The signals that end a run. */
export const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}

/** A mistake of whoever called: it is reported without a stack, and nothing is run. */
export class UsageError extends Error {}

/** To stderr, if anyone still listens there. */
export function say(text: string): void {
  process.stderr.write(`everpool: ${text}\n`);
}
