/** The orphan reaper: a process that ends the workers of a parent that died (G8). */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { OrphanReaper } from '../../src/supervisor/node/orphan-reaper.js';
import { clock, fixture, openDescriptors, runs, stateOf, until } from '../fixtures/spawner/kit.js';

/** How soon nothing of a killed parent runs any more (G8). */
const ENDED_WITHIN_MS = 2000;

interface Report {
  orphanReaper: number;
  entry: string;
  pid: number;
  said?: string;
  spawned?: boolean;
  answer?: string;
}

/** A real parent process, and the reports of it and of the parents inside of it. */
class Parent {
  readonly process: ChildProcess;
  readonly reports: Report[] = [];

  constructor(options: object) {
    const argv = ['--import', 'tsx', fixture('parent.js'), JSON.stringify({ ...options, listens: true })];
    this.process = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    let rest = '';
    this.process.stdout?.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#take(JSON.parse(line));
    });
  }

  async reported(what: string, isSo: (reports: readonly Report[]) => boolean): Promise<void> {
    await until(what, () => isSo(this.reports));
  }

  /** Every worker, descendant and orphan reaper that was reported, by inner parents too. */
  get pids(): number[] {
    const grandchildren = this.reports.filter(({ entry, said }) => entry === 'has-grandchild.js' && said).map(({ said }) => Number(said));
    return [...new Set([...this.reports.map(({ pid }) => pid), ...this.reapers, ...grandchildren])].filter((pid) => pid > 0);
  }

  get reapers(): number[] {
    return [...new Set(this.reports.map(({ orphanReaper }) => orphanReaper))].filter((pid) => pid !== undefined);
  }

  /** Sends it a command, and resolves with the answer. */
  async ask(command: string): Promise<Report> {
    const answers = (): Report[] => this.reports.filter(({ answer }) => answer === command);
    const before = answers().length;
    this.process.stdin?.write(`${command}\n`);
    await until('an answer', () => answers().length > before);
    return answers().at(-1) as Report;
  }

  /** After SIGKILL everything that depends on it must end in time. */
  async diesWith(pids: readonly number[]): Promise<void> {
    for (const pid of pids) expect(runs(pid), `${pid} before`).toBe(true);
    this.process.kill('SIGKILL');
    const deadline = performance.now() + ENDED_WITHIN_MS;
    for (const pid of pids) await until(`${pid} has ended`, () => !runs(pid), Math.max(0, deadline - performance.now()));
  }

  #take(event: Report): void {
    this.reports.push(event);
    // The reports of an inner parent arrive as the output of the worker that it runs in.
    if (event.entry === 'nests.js' && event.said) for (const line of event.said.trim().split('\n')) this.#take(JSON.parse(line));
  }
}

describe('the orphan reaper', () => {
  const parents: Parent[] = [];

  afterEach(async () => {
    for (const parent of parents.splice(0)) {
      parent.process.kill('SIGKILL');
      for (const pid of parent.pids) await until(`${pid} has ended`, () => !runs(pid));
    }
  });

  async function startParent(options: { entries: string[]; [name: string]: unknown }, workers: number): Promise<Parent> {
    const parent = new Parent(options);
    parents.push(parent);
    await parent.reported('all have started', (reports) => {
      const done = (key: 'said' | 'spawned') => new Set(reports.filter((event) => event[key]).map(({ pid }) => pid)).size;
      return done('said') === workers && done('spawned') === workers;
    });
    return parent;
  }

  test('ends the spinning workers and their descendants when the parent is killed', async () => {
    const parent = await startParent({ entries: ['spins.js', 'sleeps.js', 'has-grandchild.js'] }, 3);
    expect(parent.pids).toHaveLength(5);
    await parent.diesWith(parent.pids);
  });

  test('ends the workers of a parent that is itself a worker', async () => {
    const parent = await startParent({ entries: ['nests.js', 'spins.js'] }, 4);
    expect(parent.pids).toHaveLength(7);
    await parent.diesWith(parent.pids);
  });

  test('of an inner parent does its work if only its worker is killed', async () => {
    const parent = await startParent({ entries: ['nests.js'] }, 3);
    const inner = parent.pids.filter((pid) => pid !== parent.reports[0]?.orphanReaper);
    const nest = parent.reports.find(({ entry }) => entry === 'nests.js') as Report;
    process.kill(-nest.pid, 'SIGKILL');
    for (const pid of inner) await until(`${pid} has ended`, () => !runs(pid), ENDED_WITHIN_MS);
  });

  test('knows a worker before the parent knows that it runs', async () => {
    const parent = new Parent({ entries: ['spins.js'] });
    parents.push(parent);
    await parent.reported('it was spawned', (reports) => reports.some(({ spawned }) => spawned));
    await parent.diesWith(parent.pids);
  });

  test('killed from outside is replaced by one that knows as much', async () => {
    const parent = await startParent({ entries: ['spins.js', 'spins.js'] }, 2);
    const [first] = parent.reapers as [number];
    process.kill(first, 'SIGKILL');
    await until('it has ended', () => !runs(first));
    let second = first;
    while (second === first || second === undefined) second = (await parent.ask('which reaper?')).orphanReaper;
    await parent.diesWith([...parent.pids.filter((pid) => pid !== first), second]);
  });

  test.each<[string, object]>([
    ['the system reports it', {}],
    ['it must be polled', { asks: true }],
    ['it must be polled, and there is no shell', { asks: true, shell: '/nowhere/sh' }],
  ])('stopped twice is replaced each time by one that knows as much (%s)', async (_, options) => {
    const parent = await startParent({ entries: ['spins.js', 'spins.js'], ...options }, 2);
    const ended: number[] = [];
    let [orphanReaper] = parent.reapers as [number];
    for (let round = 0; round < 2; round += 1) {
      process.kill(orphanReaper, 'SIGSTOP');
      ended.push(orphanReaper);
      while (orphanReaper === undefined || ended.includes(orphanReaper)) orphanReaper = (await parent.ask('which reaper?')).orphanReaper;
      for (const pid of ended) await until(`${pid} has ended`, () => !runs(pid));
    }
    await parent.diesWith([...parent.pids.filter((pid) => !ended.includes(pid)), orphanReaper]);
  });

  test.each([{}, { asks: true }])('that runs is never replaced (%o)', async (options) => {
    const parent = await startParent({ entries: ['sleeps.js'], ...options }, 1);
    const [orphanReaper] = parent.reapers;
    const since = performance.now();
    while (performance.now() - since < 3500) expect((await parent.ask('which reaper?')).orphanReaper).toBe(orphanReaper);
    await parent.diesWith(parent.pids);
  });

  test('does not end by signals', async () => {
    const parent = await startParent({ entries: ['spins.js'] }, 1);
    const [orphanReaper] = parent.reapers as [number];
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGALRM'] as const) {
      process.kill(orphanReaper, signal);
    }
    await parent.diesWith(parent.pids);
  });

  test('does without a shell', async () => {
    const parent = await startParent({ entries: ['spins.js', 'has-grandchild.js'], shell: '/nowhere/sh' }, 2);
    await parent.diesWith(parent.pids);
  });

  test('leaves removed pids alone', async () => {
    const parent = await startParent({ entries: ['sleeps.js', 'sleeps.js'] }, 2);
    const [orphanReaper] = parent.reapers as [number];
    await parent.ask('drop');
    parent.process.kill('SIGKILL');
    await until('the orphan reaper has ended', () => !runs(orphanReaper));
    const survivors = parent.pids.filter(runs);
    for (const pid of survivors) process.kill(pid, 'SIGKILL');
    expect(survivors).toHaveLength(2);
  });
});

describe('the orphan reaper of this process', () => {
  const added = (orphanReaper: OrphanReaper, pid: number): Promise<void> => new Promise((resolve) => orphanReaper.add(pid, resolve));
  const rssKb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

  test('stays small over thousands of pids, forgets each, and ends with the last user', async () => {
    clock.hold();
    const before = openDescriptors();
    const orphanReaper = new OrphanReaper();
    orphanReaper.join();
    orphanReaper.join();
    const asleep = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { detached: true, stdio: 'ignore' });
    await added(orphanReaper, asleep.pid as number);
    const { pid } = orphanReaper as { pid: number };
    // Beyond any pid, so that no mistake hits a process.
    for (let i = 0; i < 5000; i++) {
      await added(orphanReaper, 500_000_000 + i);
      orphanReaper.remove(500_000_000 + i);
    }
    await until('it has read all', () => stateOf(pid) === 'S');
    expect(rssKb(pid)).toBeLessThan(4096);
    orphanReaper.remove(asleep.pid as number);
    orphanReaper.leave();
    expect(orphanReaper.pid).toBe(pid);
    expect(runs(pid)).toBe(true);
    orphanReaper.leave();
    expect(orphanReaper.pid).toBeUndefined();
    await until('it has ended', () => stateOf(pid) === undefined);
    await until('its pipe is closed', () => openDescriptors().length <= before.length);
    expect(runs(asleep.pid as number)).toBe(true);
    asleep.kill('SIGKILL');
    clock.release();
  });

  test('that cannot start delays nobody, and ends with the last user', async () => {
    clock.hold();
    const orphanReaper = new OrphanReaper({ shell: '/bin/false' });
    orphanReaper.join();
    for (let i = 0; i < 4; i++) {
      await added(orphanReaper, 500_000_000 + i);
      await until('it has died', () => orphanReaper.pid === undefined);
    }
    for (let i = 0; i < 4; i++) orphanReaper.remove(500_000_000 + i);
    orphanReaper.leave();
    expect(orphanReaper.pid).toBeUndefined();
    clock.release();
  });

  test('that is stopped delays nobody, and still ends after the last user', async () => {
    clock.hold();
    const orphanReaper = new OrphanReaper();
    orphanReaper.join();
    await added(orphanReaper, 500_000_000);
    const { pid } = orphanReaper as { pid: number };
    process.kill(pid, 'SIGSTOP');
    // More than a pipe holds: the reaper is replaced, or each wait ends at its bound.
    await Promise.all(Array.from({ length: 1000 }, (_, i) => added(orphanReaper, 500_000_001 + i)));
    for (let i = 0; i < 1001; i++) orphanReaper.remove(500_000_000 + i);
    orphanReaper.leave();
    await until('it has ended', () => stateOf(pid) === undefined);
    clock.release();
  });
});
