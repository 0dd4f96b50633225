import { expect, test } from 'vitest';
import { Pace } from '../../../src/shared/pace.js';

/** Does things that take so long each; gives how many of them were watched. */
function watched(durations: readonly number[]): boolean[] {
  let now = 100;
  const pace = new Pace(now);
  return durations.map((ms) => {
    now += ms;
    const { isWatched } = pace;
    if (isWatched) pace.read(now);
    else pace.pass();
    return isWatched;
  });
}

test('one task in eight is timed while they are short, and every one after the first that was found long', () => {
  const short = watched(Array(88).fill(0.0001));
  expect(short.filter(Boolean)).toHaveLength(3 + 10);
  expect(watched(Array(20).fill(1)).every(Boolean)).toBe(true);
  const mixed = watched([...Array(88).fill(0.0001), ...Array(20).fill(1)]);
  expect(mixed.slice(88 + 7).every(Boolean)).toBe(true);
});
