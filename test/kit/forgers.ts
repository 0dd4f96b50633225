/**
 * Pools whose workers forge: tasks that write any frames to the channel and any bytes to the
 * control file, and read the offers of others.
 */
import type { Death, Pool, PoolOptions } from 'everpool';
import { fixture, newPool } from './pools.js';

/** What a forger writes; fields left out are as a worker would write them. */
export interface Frame {
  type: number;
  seq?: number;
  /** Added to the number of the running attempt. */
  ahead?: number;
  time?: number;
  a?: number;
  b?: number;
  codec?: number;
  flags?: number;
  body?: string | Buffer;
  length?: number;
  attachments?: number;
}
export type How = 'return' | 'exit' | 'spin' | 'wait';

export interface Forgers {
  add(a: number, b: number): number;
  sleep(ms: number): Promise<number>;
  mark(file: string, line: string, ms?: number): string;
  pid(): number;
  forge(frames: Frame[], how?: How): string;
  flood(frame: Frame): void;
  scribble(what: { bytes?: Buffer; at?: number; cut?: number; after?: How }, how?: How): string;
  steal(bytes: number, how?: How, file?: string): string;
  count(from: number, to: number): Generator<number>;
}

export function deathsOf(pool: Pool<never>): Death[] {
  const deaths: Death[] = [];
  pool.on('workerDied', ({ death }) => deaths.push(death));
  return deaths;
}

export const lying = (options: PoolOptions = {}): Pool<Forgers> =>
  newPool<Forgers>({ module: fixture('forges.js'), restart: { intensity: 10_000, backoff: { initialMs: 0 } }, ...options });
