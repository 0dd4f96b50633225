/** When vacant slots are filled, by one timer. */
import { describe, expect, test } from 'vitest';
import { Story } from '../../../../src/shared/transitions.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';
import { CircuitBreaker } from '../../../../src/supervisor/restart/circuit-breaker.js';
import { SpawnThrottle } from '../../../../src/supervisor/restart/spawn-throttle.js';
import type { Slot } from '../../../../src/supervisor/slot.js';
import { Slots } from '../../../../src/supervisor/slots.js';
import { FakeClock } from '../../../kit/fake-clock.js';

/** The pacing is asynchronous: until it has begun what it may. */
const paced = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/**
 * A throttle with `count` vacant slots, and a breaker that allows the next spawn at `allowedAt`.
 */
function throttleOf(count = 1, concurrency = 8) {
  const clock = new FakeClock();
  const rule = { allowedAt: 0, mayFill: true };
  const breaker = { nextSpawnAt: (at: number) => Math.max(at, rule.allowedAt), onSpawn: () => 1 } as unknown as CircuitBreaker;
  const slots = new Slots(clock, new Story('test'));
  for (let index = 0; index < count; index += 1) slots.addRegular();
  const workers: Worker[] = [];
  const spawnedAt: number[] = [];
  const throttle = new SpawnThrottle(clock, slots, breaker, concurrency, {
    mayFill: () => rule.mayFill,
    spawn: () => {
      spawnedAt.push(clock.time);
      workers.push({ state: 'starting' } as Worker);
      return workers.at(-1) as Worker;
    },
  });
  const jumpTo = (time: number): Promise<void> => {
    clock.jumpTo(time);
    return paced();
  };
  return { clock, throttle, rule, slots, workers, spawnedAt, jumpTo };
}

describe('the spawn throttle', () => {
  test('a worker that has ended in its boot, and whose death has not been reported yet, still counts as one that may be charged (G10)', async () => {
    const clock = new FakeClock();
    const breaker = new CircuitBreaker(clock, { intensity: 3, periodMs: 5000 }, false, () => undefined);
    const slots = new Slots(clock, new Story('test'));
    slots.addRegular();
    slots.addRegular();
    const workers: { state: string; isBooting: boolean }[] = [];
    const throttle = new SpawnThrottle(clock, slots, breaker, 8, {
      mayFill: () => true,
      spawn: () => {
        workers.push({ state: 'starting', isBooting: true });
        return workers.at(-1) as unknown as Worker;
      },
    });
    const die = async (index: number): Promise<void> => {
      const worker = workers[index] as unknown as Worker;
      throttle.booted(worker);
      breaker.charge();
      slots.empty(slots.of(worker) as Slot);
      throttle.refill();
      await paced();
    };
    throttle.refill();
    await paced();
    await die(0);
    await die(1);
    (workers[3] as { state: string }).state = 'exited';
    await die(2);
    expect(workers).toHaveLength(4);
  });

  test('bounds the number of workers that boot at the same time', async () => {
    const { throttle, workers } = throttleOf(4, 2);
    throttle.refill();
    await paced();
    expect([workers.length, throttle.starting]).toEqual([2, 4]);
    throttle.booted(workers[0] as Worker);
    await paced();
    expect(workers).toHaveLength(3);
    for (const worker of workers) throttle.booted(worker);
    await paced();
    throttle.booted(workers[3] as Worker);
    expect([workers.length, throttle.starting]).toEqual([4, 0]);
  });

  test('spawns nothing for a slot that may no longer be filled, or is retired, when its turn comes', async () => {
    const { throttle, rule, slots, workers } = throttleOf(3, 1);
    throttle.refill();
    await paced();
    slots.retire(slots.regular[1] as Slot);
    rule.mayFill = false;
    throttle.booted(workers[0] as Worker);
    await paced();
    expect([workers.length, slots.regular.map(({ state }) => state)]).toEqual([1, ['occupied', 'vacant']]);
  });

  test('fills one slot whatever the restart intensity says: a probe', async () => {
    const { throttle, rule, slots, spawnedAt } = throttleOf(2);
    rule.allowedAt = Number.POSITIVE_INFINITY;
    throttle.refill();
    await paced();
    expect(spawnedAt).toEqual([]);
    throttle.fill(slots.regular[0] as Slot);
    await paced();
    expect(spawnedAt).toEqual([0]);
  });

  test('waits until the restart intensity allows the next spawn', async () => {
    const { throttle, rule, spawnedAt, jumpTo } = throttleOf();
    rule.allowedAt = 5000;
    throttle.refill();
    await jumpTo(4999);
    expect(spawnedAt).toEqual([]);
    await jumpTo(5000);
    expect(spawnedAt).toEqual([5000]);
  });

  test('is not held up by a timer that was set for later', async () => {
    const { throttle, rule, spawnedAt, jumpTo } = throttleOf();
    rule.allowedAt = 5000;
    throttle.refill();
    rule.allowedAt = 0; // a worker has proven that the trouble is over
    throttle.refillSoon();
    await jumpTo(10);
    expect(spawnedAt).toEqual([10]);
  });

  test('is not put off by one death after another', async () => {
    const { throttle, spawnedAt, jumpTo } = throttleOf();
    for (let time = 0; time <= 10; time += 5) {
      throttle.refillSoon();
      await jumpTo(time + 5);
    }
    expect(spawnedAt).toEqual([10]);
  });

  test('leaves no timer, and spawns nothing more, after the end', async () => {
    const { clock, throttle, workers } = throttleOf(3, 1);
    throttle.refill();
    throttle.refillSoon();
    await paced();
    throttle.stop();
    throttle.refillSoon();
    throttle.booted(workers[0] as Worker);
    await paced();
    expect([clock.timers.size, workers.length]).toEqual([0, 1]);
  });
});
