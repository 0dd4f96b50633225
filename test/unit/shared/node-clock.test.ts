import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { NodeClock } from '../../../src/shared/node-clock.js';

const MODULE = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../../src/shared/node-clock.ts')).href);

/** Runs a script with a clock in a process of its own, and gives what it printed. */
function inProcess(script: string): string {
  const source = `import { NodeClock } from ${MODULE}; const clock = new NodeClock(); ${script}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 8000,
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
}

describe('the real clock', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is shared by all processes of the machine', () => {
    const clock = new NodeClock();
    const before = clock.now();
    const theirs = Number(
      execFileSync(process.execPath, ['-p', 'const [s, n] = process.hrtime(); s * 1000 + n / 1e6'], { encoding: 'utf8' }),
    );
    expect(theirs).toBeGreaterThan(before);
    expect(theirs).toBeLessThan(clock.now());
    const [seconds, nanoseconds] = process.hrtime();
    expect(Math.abs(clock.now() - (seconds * 1000 + nanoseconds / 1e6))).toBeLessThan(0.5);
  });

  test('counts from an epoch that makes it the time of day', () => {
    const clock = new NodeClock();
    expect(Math.abs(clock.now() + clock.epoch - (performance.timeOrigin + performance.now()))).toBeLessThan(0.5);
  });

  test('never calls back before the time', async () => {
    const clock = new NodeClock();
    const early = await Promise.all(
      Array.from({ length: 200 }, (_, i) => {
        const delay = 1 + (i % 20) / 7;
        const due = clock.now() + delay;
        return new Promise<number>((resolve) => {
          clock.setTimer(() => resolve(due - clock.now()), delay);
          clock.afterPoll(() => undefined);
        });
      }),
    );
    expect(Math.max(...early)).toBeLessThanOrEqual(0);
  });

  test.each([2 ** 31, 2 ** 40, Number.POSITIVE_INFINITY])('does not call back at once after %d ms', async (delay) => {
    const clock = new NodeClock();
    let fired = false;
    const timer = clock.setTimer(() => {
      fired = true;
    }, delay);
    await new Promise<void>((resolve) => clock.setTimer(resolve, 20));
    expect(fired).toBe(false);
    clock.clearTimer(timer);
  });

  test('goes on with a delay that is longer than a timer of Node can be', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const clock = new NodeClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push('long'), 2 ** 32);
    const cleared = clock.setTimer(() => fired.push('cleared'), 2 ** 32);
    vi.advanceTimersByTime(2 ** 31 + 5);
    expect(fired).toEqual([]);
    clock.clearTimer(cleared);
    vi.advanceTimersByTime(2 ** 31 + 5);
    expect(fired).toEqual(['long']);
  });

  test('calls back soon, then after the poll', async () => {
    const clock = new NodeClock();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      clock.afterPoll(() => {
        order.push('after poll');
        resolve();
      });
      clock.soon(() => order.push('soon'));
      order.push('now');
    });
    expect(order).toEqual(['now', 'soon', 'after poll']);
  });

  test('keeps a process alive only while something holds it', () => {
    expect(inProcess(`clock.setTimer(() => console.log('late'), 60000);`)).toBe('');
    const held = `clock.hold(); clock.hold(); clock.release();
      clock.setTimer(() => { console.log('held'); clock.release(); clock.setTimer(() => console.log('not held'), 50); }, 50);`;
    expect(inProcess(held)).toBe('held\n');
    const again = `clock.hold(); clock.release(); clock.hold(); clock.setTimer(() => { console.log('held again'); clock.release(); }, 20);`;
    expect(inProcess(again)).toBe('held again\n');
  });

  test('refuses a release of what nothing holds', () => {
    expect(() => new NodeClock().release()).toThrow('nothing holds');
  });
});
