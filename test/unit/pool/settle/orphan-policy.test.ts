import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AfterDeath, afterDeath } from '../../../../src/pool/settle/orphan-policy.js';

describe('orphan policy', () => {
  test.each<[string, boolean, 'cancel' | 'timeout' | undefined, number, number, AfterDeath]>([
    ['G3: what had not started is sent again, without count', false, undefined, 0, 0, 'redispatch'],
    ['G3: … however many retries it has', false, undefined, 5, 5, 'redispatch'],
    ['G6: cancelled before it started, it never starts', false, 'cancel', 5, 5, 'cancelled'],
    ['a cancelled attempt is not retried', true, 'cancel', 5, 5, 'cancelled'],
    ['a timed-out one is not retried without retries.timeout', true, 'timeout', 5, 0, 'timeout'],
    ['a timed-out one is retried with retries.timeout', true, 'timeout', 0, 1, 'retry-timeout'],
    ['a stopped worker cannot hide from a timeout', false, 'timeout', 5, 0, 'timeout'],
    ['G2: started and no crash retry left: it rejects', true, undefined, 0, 5, 'died'],
    ['G3: started and a crash retry left: once more', true, undefined, 1, 0, 'retry-crash'],
  ])('%s', (_title, started, target, crashRetriesLeft, timeoutRetriesLeft, expected) => {
    expect(afterDeath({ started, target, crashRetriesLeft, timeoutRetriesLeft })).toBe(expected);
  });

  test('for whatever attempt: cancelled means never, started means at most as often as allowed, and nothing else is charged', () => {
    const attempt = fc.record({
      started: fc.boolean(),
      target: fc.constantFrom<'cancel' | 'timeout' | undefined>('cancel', 'timeout', undefined),
      crashRetriesLeft: fc.nat(3),
      timeoutRetriesLeft: fc.nat(3),
    });
    fc.assert(
      fc.property(attempt, (each) => {
        const after = afterDeath(each);
        const isStartedAgain = after === 'redispatch' || after === 'retry-crash' || after === 'retry-timeout';
        if (each.target === 'cancel') expect(after).toBe('cancelled');
        if (after === 'redispatch') expect(each.started).toBe(false);
        if (after === 'died') expect(each).toMatchObject({ started: true, crashRetriesLeft: 0 });
        if (isStartedAgain && each.started) expect(each.crashRetriesLeft + each.timeoutRetriesLeft).toBeGreaterThan(0);
        if (after === 'retry-timeout' || after === 'timeout') expect(each.target).toBe('timeout');
      }),
    );
  });
});
