/** Pools over test/fixtures/map-tasks.js, and inputs and readers for their maps. */
import type { Pool, PoolOptions } from 'everpool';
import type * as MapTasks from '../fixtures/map-tasks.js';
import { fixture, newPool } from './pools.js';

export const count = (length: number): number[] => Array.from({ length }, (_, index) => index);

export function mapPool(options: PoolOptions = {}): Pool<typeof MapTasks> {
  return newPool<typeof MapTasks>({ module: fixture('map-tasks.js'), ...options });
}

/** An endless input that counts how many items were read and how often it was closed. */
export function endless(): { seen: { pulled: number; closed: number }; items: Generator<number> } {
  const seen = { pulled: 0, closed: 0 };
  function* items(): Generator<number> {
    try {
      for (;;) yield seen.pulled++;
    } finally {
      seen.closed += 1;
    }
  }
  return { seen, items: items() };
}

export async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}
