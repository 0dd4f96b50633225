/** `--halt` ends a run early, as in GNU parallel: `now,fail=1`, `soon,fail=10%`. */
import { UsageError } from './exit.js';

export interface Halt {
  /** `soon`: start no more items, finish the running ones. `now`: kill them. */
  readonly how: 'soon' | 'now';
  readonly of: 'fail' | 'success' | 'done';
  readonly limit: number;
  readonly isPercent: boolean;
}

/** A percentage counts only once this many items have finished. */
const LEAST_FOR_PERCENT = 3;

/** @throws UsageError */
export function parseHalt(text: string): Halt | undefined {
  if (text === 'never') return undefined;
  const [, how, of, limit, percent] = /^(soon|now),(fail|success|done)=(\d+)(%?)$/.exec(text) ?? [];
  if (limit === undefined || Number(limit) === 0)
    throw new UsageError(`--halt: expected never, or soon|now,fail|success|done=N or N% with N >= 1, got '${text}'`);
  return { how: how as Halt['how'], of: of as Halt['of'], limit: Number(limit), isPercent: percent === '%' };
}

export function isReached(halt: Halt, done: number, failed: number): boolean {
  const count = halt.of === 'fail' ? failed : halt.of === 'success' ? done - failed : done;
  if (!halt.isPercent) return count >= halt.limit;
  return done >= LEAST_FOR_PERCENT && (100 * count) / done >= halt.limit;
}
