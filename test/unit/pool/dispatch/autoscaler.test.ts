import { describe, expect, test } from 'vitest';
import { workersWorth } from '../../../../src/pool/dispatch/autoscaler.js';

describe('how many workers what waits is worth', () => {
  const worth = (waiting: number, meanMs: number, places: number): number => workersWorth({ waiting, meanMs }, places, 50);

  test('nothing waits: none', () => {
    expect(worth(0, 10, 2)).toBe(0);
  });
  test('there is no worker, or nobody knows how long it takes: one for each that waits', () => {
    expect(worth(7, 0.01, 0)).toBe(7);
    expect(worth(7, -0.5, 2)).toBe(7);
  });
  test('what is there is done with it before a new one has booted: none', () => {
    expect(worth(1000, 0.01, 1)).toBe(0);
    expect(worth(10, 10, 2)).toBe(0);
  });
  test("otherwise so many that each has a boot's time of work, and never more than tasks wait", () => {
    expect(worth(11, 10, 2)).toBe(3);
    expect(worth(100, 10, 2)).toBe(20);
    expect(worth(3, 1000, 2)).toBe(3);
  });
});
