import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LadderStep, ladderFrom } from '../../../../src/supervisor/lifecycle/kill-ladder.js';

const ladder: readonly LadderStep[] = [
  { signal: 'SIGTERM', waitMs: 1000 },
  { signal: 'SIGKILL', waitMs: 5000 },
];

describe('kill ladder', () => {
  test('a ladder that begins with one of its signals is the rest from there', () => {
    expect(ladderFrom(ladder, 'SIGTERM')).toEqual(ladder);
    expect(ladderFrom(ladder, 'SIGKILL')).toEqual([{ signal: 'SIGKILL', waitMs: 5000 }]);
  });

  test('a ladder that begins with another signal goes on with all of its own', () => {
    expect(ladderFrom(ladder, 'SIGINT')).toEqual([{ signal: 'SIGINT', waitMs: 1000 }, ...ladder]);
  });

  test('from any signal, it has at most one step more, keeps the order, and ends as before', () => {
    const signal = fc.constantFrom<NodeJS.Signals>('SIGTERM', 'SIGKILL', 'SIGINT', 'SIGQUIT');
    const steps = fc.uniqueArray(fc.record({ signal, waitMs: fc.nat(10_000) }), { selector: (step) => step.signal, minLength: 1 });
    fc.assert(
      fc.property(steps, signal, (whole, first) => {
        const rest = ladderFrom(whole, first);
        expect(rest[0]?.signal).toBe(first);
        expect(rest.at(-1)).toEqual(whole.at(-1));
        expect(rest.length).toBeLessThanOrEqual(whole.length + 1);
        expect(whole.slice(whole.length - (rest.length - 1))).toEqual(rest.slice(1));
        // Beginning it there again changes nothing.
        expect(ladderFrom(rest, first)).toEqual(rest);
      }),
    );
  });
});
