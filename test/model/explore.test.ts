/** The walk itself, on models of a few numbers. */
import { describe, expect, test } from 'vitest';
import { explore, type Model } from './explore.js';

/** `steps` has, for each number, the numbers that follow. One that only may follow is negative. */
const modelOf = (steps: Readonly<Record<number, readonly number[]>>, bad?: number, goodEnd?: number): Model<number> => ({
  start: 0,
  steps: (state) => (steps[state] ?? []).map((next) => ({ name: `to ${Math.abs(next)}`, isDue: next > 0, next: Math.abs(next) })),
  encode: String,
  faultOf: (state) => (state === bad ? 'bad' : undefined),
  faultOfEnd: (state) => (state === goodEnd ? undefined : 'a bad end'),
});

describe('a walk through all states', () => {
  test('counts each state once, however many ways lead to it', () => {
    expect(explore(modelOf({ 0: [1, 2], 1: [3], 2: [3] }, undefined, 3))).toEqual({ states: 4, ends: 1, fault: undefined, path: [] });
  });

  test('finds the shortest way to a fault', () => {
    const { fault, path } = explore(modelOf({ 0: [1, 2], 1: [3], 3: [4], 2: [4] }, 4));
    expect([fault, path]).toEqual(['bad', ['to 2', 'to 4']]);
  });

  test('ends where only the world could go on', () => {
    const { fault, path } = explore(modelOf({ 0: [1], 1: [-2], 2: [] }, undefined, 2));
    expect([fault, path]).toEqual(['a bad end', ['to 1']]);
  });

  test('ends where a step changes nothing', () => {
    expect(explore(modelOf({ 0: [1], 1: [1] }, undefined, 2)).fault).toBe('a bad end');
  });

  test('finds a circle', () => {
    expect(explore(modelOf({ 0: [1, 3], 1: [2], 2: [1] }, undefined, 3)).fault).toBe('G1: a run goes in a circle');
  });
});
