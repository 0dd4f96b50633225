/** A limit on what another process takes: fair to it when this process stands still. */
import { expect, test } from 'vitest';
import { Patience } from '../../../src/shared/patience.js';
import type { Clock } from '../../../src/shared/platform.js';

/** Time that is moved by hand: first the timers that are due, once each, and then what waits for the poll phase. */
function handClock() {
  let now = 0;
  let timers: { at: number; callback: () => void }[] = [];
  const polls: (() => void)[] = [];
  const clock = {
    now: () => now,
    setTimer: (callback: () => void, delayMs: number) => {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return timer;
    },
    clearTimer: (timer: object) => {
      timers = timers.filter((each) => each !== timer);
    },
    afterPoll: (callback: () => void) => polls.push(callback),
  } as unknown as Clock;
  const turn = (ms: number, arrives?: () => void): void => {
    now += ms;
    const due = timers.filter(({ at }) => at <= now);
    timers = timers.filter(({ at }) => at > now);
    for (const { callback } of due) callback();
    arrives?.();
    for (const callback of polls.splice(0)) callback();
  };
  return { clock, turn, left: () => timers.length };
}

test('it is over after its time, and not before', () => {
  const { clock, turn, left } = handClock();
  let overAt: number | undefined;
  new Patience(clock).start(1000, () => {
    overAt = clock.now();
  });
  for (let ms = 0; ms < 1500; ms += 5) turn(5);
  expect(overAt).toBe(1000);
  expect(left()).toBe(0);
});

test.each([20, 100, 1000, 30_000])(
  'a pause of this process, be it longer than the whole limit of %i ms, leaves the other one its time',
  (limitMs) => {
    const { clock, turn } = handClock();
    let isOver = false;
    new Patience(clock).start(limitMs, () => {
      isOver = true;
    });
    turn(10 * limitMs);
    turn(1);
    expect(isOver).toBe(false);
    for (let ms = 0; ms < limitMs; ms += limitMs / 100) turn(limitMs / 100);
    expect(isOver).toBe(true);
  },
);

test('what arrives in the turn in which the time is over is read first', () => {
  const { clock, turn } = handClock();
  const patience = new Patience(clock);
  let isOver = false;
  patience.start(100, () => {
    isOver = true;
  });
  for (let ms = 0; ms < 90; ms += 5) turn(5);
  turn(15, () => patience.stop());
  turn(1000);
  expect(isOver).toBe(false);
});

test('a new wait ends the one before it, also in the poll phase that would have ended it', () => {
  const { clock, turn } = handClock();
  const patience = new Patience(clock);
  const over: string[] = [];
  patience.start(10, () => over.push('first'));
  turn(10, () => patience.start(10, () => over.push('second')));
  turn(10);
  patience.start(Number.POSITIVE_INFINITY, () => over.push('never'));
  turn(1e9);
  expect(over).toEqual(['second']);
});
