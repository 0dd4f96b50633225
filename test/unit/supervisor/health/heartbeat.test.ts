import { describe, expect, test } from 'vitest';
import type { Vitals } from '../../../../src/shared/platform.js';
import { Heartbeat } from '../../../../src/supervisor/health/heartbeat.js';
import type { Worker } from '../../../../src/supervisor/lifecycle/worker.js';
import { FakeClock } from '../../../kit/fake-clock.js';

const RULE = { intervalMs: 1000, timeoutMs: 5000 };
const RUNNING: Vitals = { isStopped: false, isSleeping: false, rssBytes: 1 };

class FakeWorker {
  state = 'ready';
  heardAt = 0;
  system: Vitals | undefined = RUNNING;
  started = 0;
  sinceWhenItOwes: number | undefined;
  mayKill = true;
  pings = 0;
  /** A worker that answers does so immediately. */
  answers = false;
  readonly failures: string[] = [];
  readonly client = {
    load: 0,
    countStarted: () => this.started,
    owesSince: () => this.sinceWhenItOwes,
    mayKillAsHung: () => this.mayKill,
  };
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  vitals(): Vitals | undefined {
    return this.system;
  }
  ping(): void {
    this.pings += 1;
    if (this.answers) this.heardAt = this.#clock.time;
  }
  fail(cause: string, detail: string): void {
    this.failures.push(`${cause}: ${detail}`);
    this.state = 'stopping';
  }
}

function heartbeatOf(): { clock: FakeClock; worker: FakeWorker; heartbeat: Heartbeat } {
  const clock = new FakeClock();
  const worker = new FakeWorker(clock);
  const heartbeat = new Heartbeat(clock, RULE, () => [worker as unknown as Worker]);
  heartbeat.start();
  return { clock, worker, heartbeat };
}

describe('a worker that does not answer', () => {
  test('is asked once, and ended when it has been silent for the whole timeout', () => {
    const { clock, worker } = heartbeatOf();
    clock.advance(1000);
    expect(worker.pings).toBe(1);
    clock.advance(4999);
    expect([worker.pings, worker.failures]).toEqual([1, []]);
    clock.advance(1);
    expect(worker.failures).toEqual([expect.stringMatching(/^unresponsive: .*5000 ms/)]);
  });

  test('is let live when it has started something in this very moment', () => {
    const { clock, worker } = heartbeatOf();
    worker.mayKill = false;
    clock.advance(20_000);
    expect(worker.failures).toEqual([]);
  });

  test('has its whole time again once it has spoken', () => {
    const { clock, worker } = heartbeatOf();
    clock.advance(4000);
    worker.heardAt = clock.time;
    clock.advance(5000);
    expect(worker.failures).toEqual([]);
    clock.advance(2000);
    expect(worker.failures).toHaveLength(1);
  });

  test('is not held to account for a time in which this process stood still', () => {
    const { clock, worker } = heartbeatOf();
    clock.advance(1000);
    clock.jump(60_000);
    expect(worker.failures).toEqual([]);
    clock.advance(1000);
    clock.advance(4000);
    expect(worker.failures).toEqual([]);
    clock.advance(1000);
    expect(worker.failures).toHaveLength(1);
  });

  test('may have answered meanwhile: what waits in the pipe is read before it is judged', () => {
    const { clock, worker } = heartbeatOf();
    clock.advance(5000);
    clock.jump(1000, () => {
      worker.heardAt = clock.time;
    });
    expect(worker.failures).toEqual([]);
  });
});

describe('a worker that lives', () => {
  test('and answers is asked again and again, and never ended', () => {
    const { clock, worker } = heartbeatOf();
    worker.answers = true;
    clock.advance(100_000);
    expect(worker.failures).toEqual([]);
    expect(worker.pings).toBeGreaterThan(10);
  });

  test('and sleeps quietly is asked seldom', () => {
    const { clock, worker } = heartbeatOf();
    worker.answers = true;
    worker.system = { ...RUNNING, isSleeping: true };
    clock.advance(3000);
    expect(worker.pings).toBe(0);
    clock.advance(97_000);
    expect(worker.pings).toBeGreaterThan(10);
    expect(worker.pings).toBeLessThan(30);
  });

  test('and runs a task may be silent for an hour', () => {
    const { clock, worker } = heartbeatOf();
    Object.assign(worker.client, { load: 1 });
    worker.started = 1;
    clock.advance(3_600_000);
    expect([worker.pings, worker.failures]).toEqual([0, []]);
  });

  test('and boots is the business of the boot timeout', () => {
    const { clock, worker } = heartbeatOf();
    worker.state = 'starting';
    clock.advance(60_000);
    expect([worker.pings, worker.failures]).toEqual([0, []]);
  });
});

describe('a stopped worker', () => {
  test.each(['starting', 'ready', 'draining'])('that is %s is ended after the timeout, also while a task runs in it', (state) => {
    const { clock, worker } = heartbeatOf();
    worker.state = state;
    Object.assign(worker.client, { load: 1 });
    worker.started = 1;
    worker.system = { ...RUNNING, isStopped: true };
    clock.advance(5999);
    expect(worker.failures).toEqual([]);
    clock.advance(1);
    expect(worker.failures).toEqual([expect.stringMatching(/^unresponsive: .*stopped.*5000 ms/)]);
  });

  test('that is continued in time lives, and has the whole timeout when it is stopped again', () => {
    const { clock, worker } = heartbeatOf();
    worker.answers = true;
    const stopped = { ...RUNNING, isStopped: true };
    worker.system = stopped;
    clock.advance(5000);
    worker.system = RUNNING;
    clock.advance(1000);
    worker.system = stopped;
    clock.advance(5000);
    expect(worker.failures).toEqual([]);
  });
});

describe('a worker that starts nothing of what it was sent', () => {
  test('is ended, though it answers', () => {
    const { clock, worker } = heartbeatOf();
    worker.answers = true;
    Object.assign(worker.client, { load: 1 });
    worker.sinceWhenItOwes = 500;
    clock.advance(5000);
    expect(worker.failures).toEqual([]);
    clock.advance(1000);
    expect(worker.failures).toEqual([expect.stringMatching(/^unresponsive: .*5500 ms/)]);
  });

  test('owes nothing while a task runs in it', () => {
    const { clock, worker } = heartbeatOf();
    Object.assign(worker.client, { load: 2 });
    worker.started = 1;
    worker.sinceWhenItOwes = 0;
    clock.advance(60_000);
    expect(worker.failures).toEqual([]);
  });

  test('has its whole time after this process stood still', () => {
    const { clock, worker } = heartbeatOf();
    worker.answers = true;
    Object.assign(worker.client, { load: 1 });
    worker.sinceWhenItOwes = 0;
    clock.jump(60_000);
    clock.advance(4000);
    expect(worker.failures).toEqual([]);
    clock.advance(1000);
    expect(worker.failures).toHaveLength(1);
  });
});

describe('the heartbeat', () => {
  test('has one timer while a worker lives, and none when all are dead', () => {
    const { clock, worker, heartbeat } = heartbeatOf();
    worker.answers = true;
    heartbeat.start();
    expect(clock.timers.size).toBe(1);
    clock.advance(10_000);
    expect(clock.timers.size).toBe(1);
    worker.state = 'dead';
    clock.advance(1000);
    expect(clock.timers.size).toBe(0);
  });

  test('has no timer after stop', () => {
    const { clock, heartbeat } = heartbeatOf();
    heartbeat.stop();
    expect(clock.timers.size).toBe(0);
  });
});
