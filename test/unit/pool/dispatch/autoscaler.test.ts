import { describe, expect, test } from 'vitest';
import { workersWorth } from '../../../../src/pool/dispatch/autoscaler.js';

describe('the number of workers for the waiting tasks', () => {
  const worth = (waiting: number, meanMs: number, places: number): number => workersWorth({ waiting, meanMs }, places, 50);

  test('nothing waits: none', () => {
    expect(worth(0, 10, 2)).toBe(0);
  });
  test('without a worker, or with unknown durations: one for each waiting task', () => {
    expect(worth(7, 0.01, 0)).toBe(7);
    expect(worth(7, -0.5, 2)).toBe(7);
  });
  test('the present workers finish before a new one has booted: none', () => {
    expect(worth(1000, 0.01, 1)).toBe(0);
    expect(worth(10, 10, 2)).toBe(0);
  });
  test("otherwise, enough that each has a boot's time of work, and never more than the waiting tasks", () => {
    expect(worth(11, 10, 2)).toBe(3);
    expect(worth(100, 10, 2)).toBe(20);
    expect(worth(3, 1000, 2)).toBe(3);
  });
});
