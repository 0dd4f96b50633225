/** How the command ends. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A mistake of whoever called: it is told without a stack, and nothing is run. */
export class UsageError extends Error {}
