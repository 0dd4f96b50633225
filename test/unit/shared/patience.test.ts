/** A limit on what another process takes: fair to it when this process stands still. */
import { expect, test } from 'vitest';
import { Patience } from '../../../src/shared/patience.js';
import { FakeClock } from '../../kit/fake-clock.js';

test('a wait is over after its time, and not before', () => {
  const clock = new FakeClock();
  let overAt: number | undefined;
  new Patience(clock).start(1000, () => {
    overAt = clock.now();
  });
  for (let ms = 0; ms < 1500; ms += 5) clock.jump(5);
  expect(overAt).toBe(1000);
  expect(clock.timers.size).toBe(0);
});

test.each([20, 100, 1000, 30_000])(
  'a pause of this process, be it longer than the whole limit of %i ms, leaves the other one its time',
  (limitMs) => {
    const clock = new FakeClock();
    let isOver = false;
    new Patience(clock).start(limitMs, () => {
      isOver = true;
    });
    clock.jump(10 * limitMs);
    clock.jump(1);
    expect(isOver).toBe(false);
    for (let ms = 0; ms < limitMs; ms += limitMs / 100) clock.jump(limitMs / 100);
    expect(isOver).toBe(true);
  },
);

test('what arrives in the turn in which the time is over is read first', () => {
  const clock = new FakeClock();
  const patience = new Patience(clock);
  let isOver = false;
  patience.start(100, () => {
    isOver = true;
  });
  for (let ms = 0; ms < 90; ms += 5) clock.jump(5);
  clock.jump(15, () => patience.stop());
  clock.jump(1000);
  expect(isOver).toBe(false);
});

test('a new wait ends the one before it, also in the poll phase that would have ended it', () => {
  const clock = new FakeClock();
  const patience = new Patience(clock);
  const over: string[] = [];
  patience.start(10, () => over.push('first'));
  clock.jump(10, () => patience.start(10, () => over.push('second')));
  clock.jump(10);
  patience.start(Number.POSITIVE_INFINITY, () => over.push('never'));
  clock.jump(1e9);
  expect(over).toEqual(['second']);
});

test('a wait that is stopped in time leaves no timer, and never ends', () => {
  const clock = new FakeClock();
  const patience = new Patience(clock);
  let isOver = false;
  patience.start(100, () => {
    isOver = true;
  });
  clock.jump(5);
  patience.stop();
  expect(clock.timers.size).toBe(0);
  clock.advance(1000);
  expect(isOver).toBe(false);
});
