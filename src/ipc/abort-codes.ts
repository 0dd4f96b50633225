/** The number of each kind of abort, in Abort messages and in the abort cells of a control file. */
import type { AbortKind } from '../shared/platform.js';

const CANCEL = 1;
const SOFT_TIMEOUT = 2;

export function abortCode(kind: AbortKind): number {
  return kind === 'cancel' ? CANCEL : SOFT_TIMEOUT;
}

/** Undefined for a number that is not a code. */
export function abortKindOfCode(code: number): AbortKind | undefined {
  if (code === CANCEL) return 'cancel';
  return code === SOFT_TIMEOUT ? 'soft-timeout' : undefined;
}
