import { afterEach, describe, expect, test, vi } from 'vitest';
import { NodeClock } from '../../../src/shared/node-clock.js';

describe('the real clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Expects the second time between the others, but for the rounding of doubles. */
  function expectInOrder(before: number, time: number, after: number): void {
    expect(time).toBeGreaterThanOrEqual(before - 0.01);
    expect(time).toBeLessThanOrEqual(after + 0.01);
  }

  test('has the time of process.hrtime, which all processes of the machine share', () => {
    const clock = new NodeClock();
    const monotonic = (): number => {
      const [seconds, nanoseconds] = process.hrtime();
      return seconds * 1000 + nanoseconds / 1e6;
    };
    expectInOrder(monotonic(), clock.now(), monotonic());
  });

  test('counts from an epoch that makes it the time of day', () => {
    const clock = new NodeClock();
    const timeOfDay = (): number => performance.timeOrigin + performance.now();
    expectInOrder(timeOfDay() - 0.5, clock.now() + clock.epoch, timeOfDay() + 0.5);
  });

  test('never calls back before the time', async () => {
    const clock = new NodeClock();
    const early = await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        const delay = 1 + (i % 20) / 7;
        const due = clock.now() + delay;
        return new Promise<number>((resolve) => {
          clock.setTimer(() => resolve(due - clock.now()), delay);
          clock.afterPoll(() => undefined);
        });
      }),
    );
    expect(Math.max(...early)).toBeLessThanOrEqual(0);
  });

  test.each([2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY])('does not call back immediately after %d ms', async (delay) => {
    const clock = new NodeClock();
    let fired = false;
    const timer = clock.setTimer(() => {
      fired = true;
    }, delay);
    await new Promise<void>((resolve) => clock.setTimer(resolve, 20));
    expect(fired).toBe(false);
    clock.clearTimer(timer);
  });

  test('goes on with a delay that is longer than a timer of Node can be', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const clock = new NodeClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push('long'), 2 ** 32);
    const cleared = clock.setTimer(() => fired.push('cleared'), 2 ** 32);
    vi.advanceTimersByTime(2 ** 31 + 5);
    expect(fired).toEqual([]);
    clock.clearTimer(cleared);
    vi.advanceTimersByTime(2 ** 31 + 5);
    expect(fired).toEqual(['long']);
  });

  test('calls back soon, then after the poll', async () => {
    const clock = new NodeClock();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      clock.afterPoll(() => {
        order.push('after poll');
        resolve();
      });
      clock.soon(() => order.push('soon'));
      order.push('now');
    });
    expect(order).toEqual(['now', 'soon', 'after poll']);
  });

  test('refuses a release without a hold', () => {
    expect(() => new NodeClock().release()).toThrow('release() without hold()');
  });
});
