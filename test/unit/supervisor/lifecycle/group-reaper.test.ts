import { describe, expect, test } from 'vitest';
import { deferred } from '../../../../src/shared/deferred.js';
import type { WorkerProcess } from '../../../../src/shared/platform.js';
import { GroupReaper } from '../../../../src/supervisor/lifecycle/group-reaper.js';

function reaperOf() {
  const swept = deferred<boolean>();
  const flushed = deferred<void>();
  const calls: string[] = [];
  const process = {
    pid: 4711,
    sweep: () => {
      calls.push('sweep');
      return swept.promise;
    },
    flush: (limitMs: number) => {
      calls.push(`flush ${limitMs}`);
      return flushed.promise;
    },
    release: () => calls.push('release'),
  } as unknown as WorkerProcess;
  return { reaper: new GroupReaper(process, 3), calls, swept, flushed };
}

/** What the promise has come to, once every callback that is due has run. */
async function stateOf(promise: Promise<void>): Promise<string> {
  let state = 'pending';
  promise.then(
    () => (state = 'resolved'),
    (error: Error) => (state = error.message),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return state;
}

describe('whenReaped', () => {
  test('resolves when the process group is empty and the death has been dealt with (G7)', async () => {
    const { reaper, calls, swept } = reaperOf();
    const reaped = reaper.whenReaped();
    reaper.sweep(0);
    reaper.release();
    expect(await stateOf(reaped)).toBe('pending');
    swept.resolve(true);
    expect(await stateOf(reaped)).toBe('resolved');
    expect(calls).toEqual(['sweep', 'release']);
  });

  test('waits for the death to be dealt with when the sweep is the first to end', async () => {
    const { reaper, calls, swept } = reaperOf();
    const reaped = reaper.whenReaped();
    reaper.sweep(0);
    swept.resolve(true);
    expect(await stateOf(reaped)).toBe('pending');
    expect(calls).toEqual(['sweep']);
    reaper.release();
    expect(await stateOf(reaped)).toBe('resolved');
  });

  test('waits for the death to be dealt with even if it is asked for after the sweep', async () => {
    const { reaper, swept } = reaperOf();
    reaper.sweep(0);
    swept.resolve(true);
    await swept.promise;
    const reaped = new Promise<void>((resolve) => setImmediate(resolve)).then(() => reaper.whenReaped());
    expect(await stateOf(reaped)).toBe('pending');
    reaper.release();
    expect(await stateOf(reaped)).toBe('resolved');
  });

  test('rejects, and names the process, when something has outlived every signal', async () => {
    const { reaper, calls, swept } = reaperOf();
    reaper.sweep(0);
    reaper.release();
    swept.resolve(false);
    expect(await stateOf(reaper.whenReaped())).toMatch(/process 4711 of worker 3\b.*outlived/);
    expect(calls).toEqual(['sweep', 'release']);
  });

  test('is one promise, however often and however late it is asked for', async () => {
    const { reaper } = reaperOf();
    const reaped = reaper.whenReaped();
    reaper.skip();
    reaper.release();
    expect(reaper.whenReaped()).toBe(reaped);
    expect(await stateOf(reaped)).toBe('resolved');
  });

  test('resolves without a sweep when there never was a process', async () => {
    const { reaper, calls } = reaperOf();
    reaper.skip();
    reaper.release();
    expect(await stateOf(reaper.whenReaped())).toBe('resolved');
    expect(calls).toEqual(['release']);
  });
});

describe('what a dead worker holds', () => {
  test('is kept until what it printed has reached its reader', async () => {
    const { reaper, calls, swept, flushed } = reaperOf();
    reaper.sweep(250);
    reaper.release();
    swept.resolve(true);
    expect(await stateOf(reaper.whenReaped())).toBe('pending');
    expect(calls).toEqual(['sweep', 'flush 250']);
    flushed.resolve();
    expect(await stateOf(reaper.whenReaped())).toBe('resolved');
    expect(calls.at(-1)).toBe('release');
  });

  test('is kept while its process is there, and given back once', async () => {
    const { reaper, calls, swept } = reaperOf();
    reaper.release();
    expect(calls).toEqual([]);
    reaper.sweep(0);
    reaper.sweep(0);
    swept.resolve(true);
    await stateOf(reaper.whenReaped());
    reaper.release();
    expect(calls).toEqual(['sweep', 'release']);
  });
});
