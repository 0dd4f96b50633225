/** How often a task may start, over all hosts (C2, C3). */
import { describe, expect, test } from 'vitest';
import { attemptOf, retryAfter, startRefusal } from '../../../../src/cluster/host/retry-policy.js';
import { NO_PAST, type Past, type ReadTask } from '../../../../src/cluster/wire/task.js';

function task(retries: Partial<Past> = {}, past: Partial<Past> = {}, more: Partial<ReadTask['head']> = {}): ReadTask {
  const head = { name: 'work', at: 1000, client: 'c', retries: { ...NO_PAST, ...retries }, delaysMs: [], ...more };
  return { head, args: '', past: { ...NO_PAST, ...past } };
}
const fresh = { silences: 0, failures: 0 };

describe('a task whose host fell silent', () => {
  test('does not start again without retries', () => {
    expect(startRefusal(task(), fresh, 1000)).toBeUndefined();
    expect(startRefusal(task(), { silences: 1, failures: 0 }, 1000)).toBe('silent');
  });

  test('starts at most 1 + n times, deaths of hosts and of workers together', () => {
    expect(startRefusal(task({ crash: 2 }, { crash: 1 }), { silences: 1, failures: 1 }, 1000)).toBeUndefined();
    expect(startRefusal(task({ crash: 2 }, { crash: 1 }), { silences: 2, failures: 1 }, 1000)).toBe('silent');
    expect(startRefusal(task({ crash: 2 }, { crash: 2 }), { silences: 1, failures: 2 }, 1000)).toBe('silent');
  });

  test('other failures take nothing from it', () => {
    expect(startRefusal(task({ crash: 1, error: 3 }, { error: 3 }), { silences: 1, failures: 3 }, 1000)).toBeUndefined();
  });
});

describe('queueTimeoutMs', () => {
  const waited = task({ crash: 1 }, {}, { queueTimeoutMs: 500 });

  test('counts from the submission', () => {
    expect(startRefusal(waited, fresh, 1500)).toBeUndefined();
    expect(startRefusal(waited, fresh, 1501)).toBe('queue-timeout');
  });

  test('is over with the first start', () => {
    expect(startRefusal(waited, { silences: 1, failures: 0 }, 9000)).toBeUndefined();
    expect(startRefusal(waited, { silences: 0, failures: 1 }, 9000)).toBeUndefined();
  });
});

describe('retries', () => {
  test('each kind of failure has its own', () => {
    const all = task({ crash: 1, timeout: 1, error: 1 }, { error: 1 });
    expect(retryAfter('crash', all, { silences: 0, failures: 1 })?.past).toEqual({ crash: 1, timeout: 0, error: 1 });
    expect(retryAfter('timeout', all, { silences: 0, failures: 1 })?.past).toEqual({ crash: 0, timeout: 1, error: 1 });
    expect(retryAfter('error', all, { silences: 0, failures: 1 })).toBeUndefined();
  });

  test('a silent host has taken one of those after a crash', () => {
    expect(retryAfter('crash', task({ crash: 1 }), { silences: 1, failures: 0 })).toBeUndefined();
    expect(retryAfter('error', task({ crash: 1, error: 1 }), { silences: 1, failures: 0 })).toBeDefined();
  });

  test('the delays follow the failures, and the last one is for all further', () => {
    const delayed = task({ error: 9 }, {}, { delaysMs: [10, 20] });
    const delay = (failures: number) => retryAfter('error', delayed, { silences: 0, failures })?.delayMs;
    expect([0, 1, 2, 5].map(delay)).toEqual([10, 20, 20, 20]);
    expect(retryAfter('error', task({ error: 1 }), fresh)?.delayMs).toBe(0);
  });

  test('the number of the attempt counts all that came before', () => {
    expect(attemptOf(fresh)).toBe(1);
    expect(attemptOf({ silences: 2, failures: 3 })).toBe(6);
  });
});
