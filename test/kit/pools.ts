/**
 * What the tests with real processes share: pools that are always ended, and a check of what they
 * left behind.
 *
 * Call `useKit()` once at the top of a test file. After each test every pool made by `newPool` is
 * killed if it is still open, and then nothing may be left: no child process, no descriptor, no
 * timer.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool, type PoolOptions } from 'everpool';
import { afterEach, beforeEach, expect } from 'vitest';
import type * as Tasks from '../fixtures/tasks.js';

export type TestTasks = typeof Tasks;

export function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).href;
}

let pools: Pool<object>[] = [];
let folders: string[] = [];
let before: { descriptors: number; timers: number; children: number[] } | undefined;

/**
 * A pool over test/fixtures/tasks.js (or another module), ended after the test. The output of its
 * workers is not shown.
 */
export function newPool<M extends object = TestTasks>(options: PoolOptions = {}): Pool<M> {
  const pool = new Pool<M>({ module: fixture('tasks.js'), size: 2, stderr: 'pipe', ...options });
  pools.push(pool as unknown as Pool<object>);
  return pool;
}

/** An empty folder, removed after the test. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'everpool-test-'));
  folders.push(folder);
  return folder;
}

/** A file that tasks wait for (`untilFile` and `spinUntilFile` of tasks.js), and what makes it. */
export function newGate(): { file: string; open: () => void } {
  const file = join(newFolder(), 'gate');
  return { file, open: () => writeFileSync(file, '') };
}

export function useKit(): void {
  beforeEach(() => {
    before = { descriptors: descriptors().length, timers: timers(), children: childrenOf(process.pid) };
  });
  afterEach(async () => {
    await Promise.all(pools.map((pool) => pool.kill()));
    pools = [];
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    folders = [];
    if (before === undefined || process.platform !== 'linux') return;
    const start = before;
    await until('no child process is left', () => childrenOf(process.pid).every((pid) => start.children.includes(pid)));
    await until('no descriptor is left', () => descriptors().length <= start.descriptors);
    await until('no timer is left', () => timers() <= start.timers);
  });
}

/** Ten tasks give the right results, and the pool has its full size. */
export async function expectUsable(pool: Pool<TestTasks>, size = 2): Promise<void> {
  const sums = await Promise.all(Array.from({ length: 10 }, (_, index) => pool.run('add', [index, 1])));
  expect(sums).toEqual(Array.from({ length: 10 }, (_, index) => index + 1));
  await pool.ready();
  const working = pool.workers().filter((worker) => worker.slot >= 0 && (worker.state === 'idle' || worker.state === 'busy'));
  expect(working).toHaveLength(size);
}

/**
 * Resolves once the condition holds; fails, saying what for, after `limitMs`: a limit for what
 * never happens, not for what is slow.
 */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 120_000): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${limitMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The next event of that name. */
export function next<E extends Parameters<Pool['once']>[0]>(
  pool: Pool<object>,
  event: E,
): Promise<Parameters<Parameters<typeof pool.once<E>>[1]>[0]> {
  return new Promise((resolve) => pool.once(event, resolve));
}

/**
 * How much slower than on a quiet machine a worker boots now, at least 1: for time limits that work
 * must stay below.
 */
export async function slowness(): Promise<number> {
  const pool = newPool({ size: 1 });
  const { bootMs } = await next(pool, 'workerReady');
  await pool.close();
  return Math.max(1, bootMs / 100);
}

/** What a promise rejects with; fails if it resolves. */
export async function rejection(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    const value = await promise;
    throw new Error(`it resolved with ${String(value)}`);
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
}

/** True while the process runs: a zombie counts as ended. */
export function isRunning(pid: number): boolean {
  const state = processState(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** The letter of its state in /proc (`T`: stopped); undefined if it has ended. */
function processState(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

/** Pids of its living direct children. */
function childrenOf(parent: number): number[] {
  const pids: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(ppid) === parent && state !== 'Z') pids.push(Number(name));
    } catch {
      // it ended between the listing and the reading
    }
  }
  return pids;
}

/** The lines of a file that tasks append to; none if it does not exist. */
export function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

function descriptors(): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) !== '';
    } catch {
      return false;
    }
  });
}

function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
