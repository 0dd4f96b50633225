/**
 * Every order in which the system calls of a parent and a worker can follow each other, with every
 * interference at every point. Nothing breaks a guarantee, and every task settles.
 */
import { describe, expect, test } from 'vitest';
import { isLong } from '../kit/long.js';
import { RIGHT } from './rules.js';
import { type Scene, walk } from './world.js';

/** A walk that sees fewer states than `atLeast` has lost steps. */
interface Row extends Scene {
  readonly title: string;
  readonly concurrency?: number;
  readonly atLeast: number;
}

const ROWS: readonly Row[] = [
  { title: 'three tasks, two interferences', tasks: [{ retries: 1 }, {}, {}], disturbances: 2, atLeast: 300_000 },
  { title: 'two tasks, two interferences', tasks: [{ retries: 1 }, { retries: 1 }], disturbances: 2, atLeast: 25_000 },
  { title: 'three sent ahead, one interference', tasks: [{}, {}, {}, {}], disturbances: 1, atLeast: 60_000 },
  { title: 'a task that spins', tasks: [{ spins: true }, {}, {}], disturbances: 1, atLeast: 40_000 },
  { title: 'a thief of two records', tasks: [{ thefts: 2 }, {}, {}], disturbances: 1, atLeast: 18_000 },
  { title: 'a thief that is retried', tasks: [{ thefts: 1, retries: 1 }, {}], disturbances: 2, atLeast: 30_000 },
  { title: 'a thief that spins', tasks: [{ thefts: 1, spins: true }, {}], disturbances: 2, atLeast: 40_000 },
  { title: 'two at once', tasks: [{ retries: 1 }, { spins: true }, {}], disturbances: 1, concurrency: 2, atLeast: 80_000 },
  { title: 'two at once, one is a thief', tasks: [{ thefts: 1 }, {}, {}], disturbances: 1, concurrency: 2, atLeast: 30_000 },
];

const LONG_ROWS: readonly Row[] = [
  { title: 'two tasks, three interferences', tasks: [{ retries: 1 }, {}], disturbances: 3, atLeast: 200_000 },
  { title: 'a thief, two interferences', tasks: [{ thefts: 1 }, {}, {}], disturbances: 2, atLeast: 350_000 },
  { title: 'two at once, two interferences', tasks: [{}, {}, {}], disturbances: 2, concurrency: 2, atLeast: 500_000 },
];

test('the order of a walk changes nothing', () => {
  const scene: Scene = { tasks: [{ retries: 1 }, { thefts: 1 }], disturbances: 1 };
  expect(walk(scene, RIGHT, 'depth')).toEqual(walk(scene, RIGHT, 'breadth'));
});

describe('parent and worker keep G1 to G6 and G14 in every state', () => {
  const rows = isLong ? LONG_ROWS : ROWS;
  test.each(rows.map((row) => [row.title, row] as const))('%s', (_title, { tasks, disturbances, concurrency = 1, atLeast }) => {
    const { states, fault, path } = walk({ tasks, disturbances }, { ...RIGHT, concurrency }, 'depth');
    console.log(`states: ${states}`);
    expect({ fault, path }).toEqual({ fault: undefined, path: [] });
    expect(states).toBeGreaterThan(atLeast);
  });
});
