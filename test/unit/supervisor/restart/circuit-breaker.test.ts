/** A worker that was ready for a second proves that workers can be started again, if it then still lives. */
import { expect, test } from 'vitest';
import type { Clock, Vitals } from '../../../../src/shared/platform.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';
import { CircuitBreaker } from '../../../../src/supervisor/restart/circuit-breaker.js';

const ALIVE: Vitals = { isStopped: false, isSleeping: true, rssBytes: 1 };

/** A breaker with one charged death, and a worker that became ready after it; `second` lets the second pass. */
function breakerWith(vitals: Vitals | undefined) {
  let due: () => void = () => undefined;
  const clock = {
    now: () => 0,
    setTimer: (callback: () => void) => {
      due = callback;
      return {};
    },
    clearTimer: () => undefined,
  } as unknown as Clock;
  const proven: Worker[] = [];
  const asked: (() => void)[] = [];
  const breaker = new CircuitBreaker(clock, { intensity: 3, periodMs: 5000 }, false, (worker) => proven.push(worker));
  breaker.charge();
  const worker = {
    ordinal: breaker.onSpawn(),
    vitals: () => vitals,
    ask: (onAnswer: () => void) => asked.push(onAnswer),
  } as unknown as Worker;
  breaker.onReady(worker);
  return { breaker, worker, proven, asked, second: () => due() };
}

test('one that the system still shows alive is proven', () => {
  const { second, proven, worker } = breakerWith(ALIVE);
  second();
  expect(proven).toEqual([worker]);
});

test.each<[string, Vitals | undefined]>([
  ['has ended, and whose death is not told yet,', undefined],
  ['is stopped', { ...ALIVE, isStopped: true }],
])('one that %s is proven by its answer alone (G10)', (_, vitals) => {
  const { second, proven, asked, worker, breaker } = breakerWith(vitals);
  second();
  expect(proven).toEqual([]);
  asked[0]?.();
  expect(proven).toEqual([worker]);
  const other = breakerWith(vitals);
  other.second();
  other.breaker.forget(other.worker); // its death is told now
  other.asked[0]?.();
  expect(other.proven).toEqual([]);
  breaker.forget(worker);
});
