/**
 * A program whose own code (getters, callbacks, listeners, signals) runs in the middle of the pool.
 * Whatever that code throws, calls or replaces, its own task may fail, and never another, nor the
 * pool (G1, G9). The table is in docs/testing.md.
 */
import type { Pool, PoolOptions } from 'everpool';
import { afterEach, beforeEach, expect } from 'vitest';
import { fixture, newPool } from './pools.js';

export interface Hostile {
  add(a: number, b: number): number;
  id(value: unknown): unknown;
  getData(): unknown;
  sleep(ms: number): Promise<void>;
  exit(code: number): void;
  boom(): void;
  failsUntil(n: number, file: string): number;
  reports(count: number): void;
  counts(to: number): Generator<number>;
  givesOddValues(kind: string): Iterable<unknown>;
  progressOf(kind: string): string | undefined;
  throwsAnything(kind: string): void;
  givesOddThen(kind: string): unknown;
  asksWhenAborted(): unknown;
  breaksStacks(): void;
  deep(depth: number): void;
  failsLater(): Promise<void>;
}
export type HostilePool = Pool<Hostile>;

export const LIMIT = { timeout: 120_000 };
export const hostile = (options: PoolOptions = {}): HostilePool =>
  newPool<Hostile>({ module: fixture('meets-hostile-code.js'), size: 1, graceMs: 50, ...options });

/** What a program can throw. */
export const ANYTHING: Record<string, () => unknown> = {
  'an object without a prototype': () => Object.create(null),
  undefined: () => undefined,
  'a frozen object': () => Object.freeze({ toString: undefined }),
  'a symbol': () => Symbol('thrown'),
  'a proxy that throws': () =>
    new Proxy(new Error('behind it'), {
      get() {
        throw new Error('a trap');
      },
      getPrototypeOf() {
        throw new Error('a trap');
      },
    }),
};

/** Methods that it can call: these end the pool. */
export const ENDINGS: Record<string, (pool: HostilePool) => unknown> = {
  'pool.kill()': (pool) => pool.kill(),
  'pool.terminate()': (pool) => pool.terminate(),
  'pool.close()': (pool) => pool.close(),
  'pool.close({ cancelQueued: true })': (pool) => pool.close({ cancelQueued: true }),
};
/** All methods that it can call. */
export const CALLS: Record<string, (pool: HostilePool) => unknown> = {
  ...ENDINGS,
  'pool.killTasks()': (pool) => pool.killTasks(),
  'pool.restart()': (pool) => pool.restart(),
  'pool.run()': (pool) => pool.run('add', [1, 1]),
  'pool.resize(2)': (pool) => pool.resize(2),
  'pool.killWorker()': (pool) => pool.workers()[0] && pool.killWorker(pool.workers()[0]?.id as number),
};
/** Calls one of CALLS; never rejects. */
export const act = (call: string, pool: HostilePool): Promise<unknown> => outcome((async () => await CALLS[call]?.(pool))());
export const names = (table: object): string[] => Object.keys(table);

/** An object whose property runs code when it is read. */
export function getter(run: () => unknown): object {
  return Object.defineProperty({}, 'x', { enumerable: true, get: run });
}

/** Settles with the value or the error. */
export async function outcome(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}

/** Whatever the code called, other tasks run, the pool closes, and its counts agree. */
export async function expectSound(pool: HostilePool): Promise<void> {
  if (pool.state === 'open') expect(await pool.run('add', [1, 2])).toBe(3);
  await pool.close();
  expect(pool.state).toBe('closed');
  const { submitted, succeeded, failed, cancelled } = pool.stats();
  expect(succeeded + failed + cancelled).toBe(submitted);
}

/** The warnings of the process during each test of a file. */
export function useWarnings(): Error[] {
  const warnings: Error[] = [];
  const hear = (warning: Error): number => warnings.push(warning);
  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', hear);
  });
  afterEach(() => {
    process.off('warning', hear);
  });
  return warnings;
}
