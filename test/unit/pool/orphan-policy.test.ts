import { describe, expect, test } from 'vitest';
import { type AfterDeath, afterDeath } from '../../../src/pool/orphan-policy.js';

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
});
