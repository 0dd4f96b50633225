import { describe, expect, test } from 'vitest';
import { MemoryLimit } from '../../../../src/supervisor/health/memory-limit.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';
import { FakeClock } from '../../../kit/fake-clock.js';

class FakeWorker {
  isAlive = true;
  rssBytes: number | undefined = 50e6;
  readonly spawnedAt: number;
  readonly failures: unknown[][] = [];
  constructor(spawnedAt = 0) {
    this.spawnedAt = spawnedAt;
  }
  fail(...failure: unknown[]): void {
    this.failures.push(failure);
    this.isAlive = false;
  }
}

function limitOf(...workers: FakeWorker[]): { clock: FakeClock; limit: MemoryLimit } {
  const clock = new FakeClock();
  const limit = new MemoryLimit(clock, 100e6, () => workers as unknown as Worker[]);
  limit.start();
  return { clock, limit };
}

describe('the memory limit', () => {
  test('ends the worker that has more, and names both figures', () => {
    const [modest, greedy] = [new FakeWorker(), new FakeWorker()];
    const { clock } = limitOf(modest, greedy);
    clock.advance(1000);
    greedy.rssBytes = 100.2e6;
    clock.advance(50);
    expect(greedy.failures).toMatchObject([['memory', expect.stringMatching(/100\.2 MB.*100\.0 MB/), expect.anything()]]);
    expect(modest.failures).toEqual([]);
  });

  test('lets a worker have exactly as much', () => {
    const worker = new FakeWorker();
    worker.rssBytes = 100e6;
    limitOf(worker).clock.advance(1000);
    expect(worker.failures).toEqual([]);
  });

  test('reports the last ten samples, by the age of the worker', () => {
    const worker = new FakeWorker(-500);
    const { clock } = limitOf(worker);
    for (let count = 1; count <= 20; count += 1) {
      worker.rssBytes = count === 20 ? 200e6 : count * 1e6;
      clock.advance(50);
    }
    const samples = worker.failures[0]?.[2] as { uptimeMs: number; rssBytes: number }[];
    expect(samples).toHaveLength(10);
    expect(samples[0]).toEqual({ uptimeMs: 500 + 11 * 50, rssBytes: 11e6 });
    expect(samples.at(-1)).toEqual({ uptimeMs: 500 + 20 * 50, rssBytes: 200e6 });
  });

  test('says nothing of a worker whose memory is not known, or that has ended', () => {
    const [unknown, ended] = [new FakeWorker(), new FakeWorker()];
    unknown.rssBytes = undefined;
    ended.rssBytes = 1e12;
    ended.isAlive = false;
    limitOf(unknown, ended).clock.advance(1000);
    expect([unknown.failures, ended.failures]).toEqual([[], []]);
  });

  test('leaves no timer when no worker lives, and goes on after the next start', () => {
    const worker = new FakeWorker();
    const { clock, limit } = limitOf(worker);
    limit.start();
    expect(clock.timers.size).toBe(1);
    worker.isAlive = false;
    clock.advance(1000);
    expect(clock.timers.size).toBe(0);
    worker.isAlive = true;
    worker.rssBytes = 200e6;
    limit.start();
    clock.advance(50);
    expect(worker.failures).toHaveLength(1);
  });

  test('leaves no timer after stop', () => {
    const { clock, limit } = limitOf(new FakeWorker());
    limit.stop();
    expect(clock.timers.size).toBe(0);
  });
});
