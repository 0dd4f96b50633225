/** When vacant berths are filled, by one timer. */
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/shared/doors.js';
import { Berths } from '../../../src/supervisor/berths.js';
import type { Breaker } from '../../../src/supervisor/breaker.js';
import { SpawnLine } from '../../../src/supervisor/spawn-line.js';
import type { Worker } from '../../../src/supervisor/worker.js';

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
  const breaker = { nextSpawnAt: (at: number) => Math.max(at, rule.allowedAt), onSpawn: () => 1 } as unknown as Breaker;
  const berths = new Berths(clock);
  berths.addSlot();
  const spawnedAt: number[] = [];
  const line = new SpawnLine(clock, berths, breaker, 8, {
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
