/** When vacant berths are filled, by one timer. */
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../../src/shared/platform.js';
import { Story } from '../../../../src/shared/transitions.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';
import { CircuitBreaker } from '../../../../src/supervisor/restart/circuit-breaker.js';
import { SpawnThrottle } from '../../../../src/supervisor/restart/spawn-throttle.js';
import type { Slot } from '../../../../src/supervisor/slot.js';
import { Slots } from '../../../../src/supervisor/slots.js';

/** A line with one vacant slot, and a breaker that allows the next spawn at `allowedAt`. */
function lineOf() {
  let now = 0;
  const timers = new Map<object, { at: number; callback: () => void }>();
  const clock = {
    now: () => now,
    setTimer: (callback: () => void, delayMs: number) => {
      const timer = {};
      timers.set(timer, { at: now + delayMs, callback });
      return timer;
    },
    clearTimer: (timer: object) => timers.delete(timer),
  } as unknown as Clock;
  const rule = { allowedAt: 0 };
  const breaker = { nextSpawnAt: (at: number) => Math.max(at, rule.allowedAt), onSpawn: () => 1 } as unknown as CircuitBreaker;
  const slots = new Slots(clock, new Story('test'));
  slots.addRegular();
  const spawnedAt: number[] = [];
  const line = new SpawnThrottle(clock, slots, breaker, 8, {
    mayFill: () => true,
    spawn: () => {
      spawnedAt.push(now);
      return {} as Worker;
    },
  });
  const jump = async (to: number): Promise<void> => {
    now = to;
    for (const [timer, { at, callback }] of timers) if (at <= now && timers.delete(timer)) callback();
    await Promise.resolve();
  };
  return { line, rule, spawnedAt, jump, timers };
}

describe('the line of spawns', () => {
  test('a worker that has ended in its boot, and whose death is not told yet, still counts as one that may be charged (G10)', async () => {
    const clock = { now: () => 0, setTimer: () => ({}), clearTimer: () => undefined } as unknown as Clock;
    const breaker = new CircuitBreaker(clock, { intensity: 3, periodMs: 5000 }, false, () => undefined);
    const slots = new Slots(clock, new Story('test'));
    slots.addRegular();
    slots.addRegular();
    const workers: { state: string; isBooting: boolean }[] = [];
    const line = new SpawnThrottle(clock, slots, breaker, 8, {
      mayFill: () => true,
      spawn: () => {
        workers.push({ state: 'starting', isBooting: true });
        return workers.at(-1) as unknown as Worker;
      },
    });
    const die = async (index: number): Promise<void> => {
      const worker = workers[index] as unknown as Worker;
      line.booted(worker);
      breaker.charge();
      slots.empty(slots.of(worker) as Slot);
      line.refill();
      await new Promise((resolve) => setImmediate(resolve));
    };
    line.refill();
    await new Promise((resolve) => setImmediate(resolve));
    await die(0);
    await die(1);
    (workers[3] as { state: string }).state = 'exited';
    await die(2);
    expect(workers).toHaveLength(4);
  });

  test('what may be spawned soon is not held up by a timer that was set for later', async () => {
    const { line, rule, spawnedAt, jump } = lineOf();
    rule.allowedAt = 5000;
    line.refill();
    rule.allowedAt = 0; // a worker has proven that the trouble is over
    line.refillSoon();
    await jump(10);
    expect(spawnedAt).toEqual([10]);
  });

  test('one death after another does not put it off', async () => {
    const { line, spawnedAt, jump } = lineOf();
    for (let time = 0; time <= 10; time += 5) {
      line.refillSoon();
      await jump(time + 5);
    }
    expect(spawnedAt).toEqual([10]);
  });

  test('after the end no timer is left', () => {
    const { line, timers } = lineOf();
    line.refillSoon();
    line.stop();
    line.refillSoon();
    expect(timers.size).toBe(0);
  });
});
