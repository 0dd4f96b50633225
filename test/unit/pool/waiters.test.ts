import { describe, expect, test } from 'vitest';
import { Waiters } from '../../../src/pool/waiters.js';
import { FakeClock } from '../../kit/fake-clock.js';

function waitersWith(): { clock: FakeClock; waiters: Waiters } {
  const clock = new FakeClock();
  return { clock, waiters: new Waiters(clock) };
}

describe('a wait for a state of the pool', () => {
  test('resolves immediately when the state is there already, and holds nothing then', async () => {
    const { clock, waiters } = waitersWith();
    await waiters.until(() => true);
    expect(clock.holds).toBe(0);
  });

  test('keeps the process alive until the change that ends it', async () => {
    const { clock, waiters } = waitersWith();
    let isIdle = false;
    const idle = waiters.until(() => isIdle);
    waiters.check();
    expect(clock.holds).toBe(1);
    isIdle = true;
    waiters.check();
    expect(clock.holds).toBe(0);
    await idle;
  });

  test('rejects with the error that the state is', async () => {
    const { clock, waiters } = waitersWith();
    const broken = new Error('the pool is broken');
    await expect(waiters.until(() => broken)).rejects.toBe(broken);
    expect(clock.holds).toBe(0);
  });

  test('ends by itself, while others go on', async () => {
    const { clock, waiters } = waitersWith();
    let size = 0;
    const ended: number[] = [];
    const all = [3, 1, 2].map((least) => waiters.until(() => size >= least).then(() => ended.push(least)));
    for (size = 1; size <= 3; size += 1) {
      waiters.check();
      await Promise.resolve();
      expect(clock.holds).toBe(3 - size);
    }
    await Promise.all(all);
    expect(ended).toEqual([1, 2, 3]);
  });

  test('is asked no more once it has ended', async () => {
    const { waiters } = waitersWith();
    let asked = 0;
    await waiters.until(() => {
      asked += 1;
      return true;
    });
    waiters.check();
    expect(asked).toBe(1);
  });
});

describe('a watch', () => {
  test('is called after every change until it is ended, and keeps nothing alive', () => {
    const { clock, waiters } = waitersWith();
    let changes = 0;
    const end = waiters.watch(() => {
      changes += 1;
    });
    waiters.check();
    waiters.check();
    expect([changes, clock.holds]).toEqual([2, 0]);
    end();
    waiters.check();
    expect(changes).toBe(2);
  });
});

describe('a promise that is held', () => {
  test.each<[string, () => Promise<string>]>([
    ['resolves', async () => 'value'],
    ['rejects', async () => Promise.reject(new Error('no'))],
  ])('keeps the process alive until it %s', async (_, make) => {
    const { clock, waiters } = waitersWith();
    const promise = make();
    expect(waiters.hold(promise)).toBe(promise);
    expect(clock.holds).toBe(1);
    await promise.catch(() => undefined);
    expect(clock.holds).toBe(0);
  });
});
