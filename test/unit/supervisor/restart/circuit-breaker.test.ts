import { describe, expect, test } from 'vitest';
import type { Vitals } from '../../../../src/shared/platform.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';
import { CircuitBreaker } from '../../../../src/supervisor/restart/circuit-breaker.js';
import { FakeClock } from '../../../kit/fake-clock.js';

const ALIVE: Vitals = { isStopped: false, isSleeping: true, rssBytes: 1 };

function breakerOf(probeMs: number | false = false) {
  const clock = new FakeClock();
  const proven: Worker[] = [];
  const breaker = new CircuitBreaker(clock, { intensity: 3, periodMs: 5000 }, probeMs, (worker) => proven.push(worker));
  const asked: (() => void)[] = [];
  const spawnWith = (vitals: Vitals | undefined): Worker =>
    ({ ordinal: breaker.onSpawn(), vitals: () => vitals, ask: (onAnswer: () => void) => asked.push(onAnswer) }) as unknown as Worker;
  return { clock, breaker, proven, asked, spawnWith, spawn: () => spawnWith(ALIVE) };
}

/** A breaker with one charged death, and a worker that became ready after it. */
function breakerWith(vitals: Vitals | undefined) {
  const parts = breakerOf();
  parts.breaker.charge();
  const worker = parts.spawnWith(vitals);
  parts.breaker.onReady(worker);
  return { ...parts, worker };
}

describe('a worker that was ready for a second', () => {
  test('is proven when the system still shows it alive, and not before', () => {
    const { clock, proven, worker } = breakerWith(ALIVE);
    clock.advance(999);
    expect(proven).toEqual([]);
    clock.advance(1);
    expect(proven).toEqual([worker]);
  });

  test.each<[string, Vitals | undefined]>([
    ['has ended, with its death not reported yet', undefined],
    ['is stopped', { ...ALIVE, isStopped: true }],
  ])('and %s is proven by its answer alone (G10)', (_, vitals) => {
    const { clock, proven, asked, worker } = breakerWith(vitals);
    clock.advance(1000);
    expect(proven).toEqual([]);
    asked[0]?.();
    expect(proven).toEqual([worker]);
    const other = breakerWith(vitals);
    other.clock.advance(1000);
    other.breaker.forget(other.worker); // its death is reported now
    other.asked[0]?.();
    expect(other.proven).toEqual([]);
  });

  test('is no proof when it was spawned before the last charged death', () => {
    const { clock, breaker, proven, spawn } = breakerOf();
    const worker = spawn();
    breaker.charge();
    breaker.onReady(worker);
    clock.advance(1000);
    expect(proven).toEqual([]);
  });

  test('is no proof when it has died meanwhile', () => {
    const { clock, breaker, proven, worker } = breakerWith(ALIVE);
    breaker.forget(worker);
    clock.advance(2000);
    expect([proven, clock.timers.size]).toEqual([[], 0]);
  });
});

describe('a worker that finished a task', () => {
  test('is proven immediately, once', () => {
    const { clock, breaker, proven, worker } = breakerWith(ALIVE);
    breaker.onUseful(worker);
    clock.advance(2000);
    expect(proven).toEqual([worker]);
  });
});

describe('the charged deaths', () => {
  test('exceed the intensity with one more than it allows', () => {
    const { breaker } = breakerOf();
    for (let deaths = 1; deaths <= 3; deaths += 1) {
      breaker.charge();
      expect(breaker.isExceeded).toBe(false);
    }
    breaker.charge();
    expect(breaker.isExceeded).toBe(true);
    breaker.reset();
    expect(breaker.isExceeded).toBe(false);
  });

  test('are counted anew after a proof', () => {
    const { breaker, spawn } = breakerOf();
    for (let round = 0; round < 5; round += 1) {
      for (let deaths = 1; deaths <= 3; deaths += 1) breaker.charge();
      expect(breaker.isExceeded).toBe(false);
      breaker.proved(spawn());
    }
  });
});

describe('the probe of a broken pool', () => {
  test('is due after its time, and one is enough', () => {
    const { clock, breaker } = breakerOf(1000);
    const dueAt: number[] = [];
    for (let times = 0; times < 3; times += 1) breaker.armProbe(() => dueAt.push(clock.time));
    clock.advance(10_000);
    expect(dueAt).toEqual([1000]);
  });

  test('waits for the limit of spawns: the one too many in the period', () => {
    const { clock, breaker, spawn } = breakerOf(1000);
    const dueAt: number[] = [];
    breaker.charge();
    for (let spawns = 0; spawns < 4; spawns += 1) spawn();
    breaker.armProbe(() => dueAt.push(clock.time));
    clock.advance(10_000);
    expect(dueAt).toEqual([5000]);
  });

  test('is never due when probes are off, nor once it was disarmed', () => {
    const off = breakerOf(false);
    const disarmed = breakerOf(1000);
    let due = 0;
    for (const { breaker } of [off, disarmed]) {
      breaker.armProbe(() => {
        due += 1;
      });
    }
    disarmed.breaker.disarmProbe();
    for (const { clock } of [off, disarmed]) clock.advance(10_000);
    expect(due).toBe(0);
    disarmed.breaker.armProbe(() => {
      due += 1;
    });
    disarmed.clock.advance(1000);
    expect(due).toBe(1);
  });
});

test('after stop no timer is left, of a probe or of a worker that is watched', () => {
  const { clock, breaker, spawn } = breakerOf(1000);
  breaker.armProbe(() => undefined);
  breaker.onReady(spawn());
  breaker.onReady(spawn());
  breaker.stop();
  expect(clock.timers.size).toBe(0);
});
