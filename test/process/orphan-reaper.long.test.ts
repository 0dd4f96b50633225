import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { OrphanReaper } from '../../src/supervisor/node/orphan-reaper.js';
import { clock, fixture, openDescriptors, runs, stateOf, until } from '../fixtures/spawner/kit.js';

/** G8. */
const GONE_WITHIN_MS = 2000;

interface Told {
  orphanReaper: number;
  entry: string;
  pid: number;
  said?: string;
  spawned?: boolean;
  answer?: string;
}

/** A real parent process, and what it and the parents inside of it tell. */
class Parent {
  readonly process: ChildProcess;
  readonly told: Told[] = [];

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

  async tells(what: string, isSo: (told: readonly Told[]) => boolean): Promise<void> {
    await until(what, () => isSo(this.told));
  }

  /** Every worker, descendant and guard that has been told of, of the inner parents too. */
  get pids(): number[] {
    const grandchildren = this.told.filter(({ entry, said }) => entry === 'has-grandchild.js' && said).map(({ said }) => Number(said));
    return [...new Set([...this.told.map(({ pid }) => pid), ...this.guards, ...grandchildren])].filter((pid) => pid > 0);
  }

  get guards(): number[] {
    return [...new Set(this.told.map(({ orphanReaper }) => orphanReaper))].filter((pid) => pid !== undefined);
  }

  /** Has it do something, and gives what it answers. */
  async ask(command: string): Promise<Told> {
    const answers = (): Told[] => this.told.filter(({ answer }) => answer === command);
    const before = answers().length;
    this.process.stdin?.write(`${command}\n`);
    await until('an answer', () => answers().length > before);
    return answers().at(-1) as Told;
  }

  /** After SIGKILL all that depend on it must be gone in time. */
  async diesWith(pids: readonly number[]): Promise<void> {
    for (const pid of pids) expect(runs(pid), `${pid} before`).toBe(true);
    this.process.kill('SIGKILL');
    const deadline = performance.now() + GONE_WITHIN_MS;
    for (const pid of pids) await until(`${pid} is gone`, () => !runs(pid), Math.max(0, deadline - performance.now()));
  }

  #take(event: Told): void {
    this.told.push(event);
    // What an inner parent says comes as what its worker said.
    if (event.entry === 'nests.js' && event.said) for (const line of event.said.trim().split('\n')) this.#take(JSON.parse(line));
  }
}

describe('the guard', () => {
  const parents: Parent[] = [];

  afterEach(async () => {
    for (const parent of parents.splice(0)) {
      parent.process.kill('SIGKILL');
      for (const pid of parent.pids) await until(`${pid} is gone`, () => !runs(pid));
    }
  });

  async function startParent(options: { entries: string[]; [name: string]: unknown }, workers: number): Promise<Parent> {
    const parent = new Parent(options);
    parents.push(parent);
    await parent.tells('all have started', (told) => {
      const done = (key: 'said' | 'spawned') => new Set(told.filter((event) => event[key]).map(({ pid }) => pid)).size;
      return done('said') === workers && done('spawned') === workers;
    });
    return parent;
  }

  test('ends the spinning workers and their descendants when the parent is killed', async () => {
    const parent = await startParent({ entries: ['spins.js', 'sleeps.js', 'has-grandchild.js'] }, 3);
    expect(parent.pids).toHaveLength(5);
    await parent.diesWith(parent.pids);
  });

  test('ends those of a parent in a worker, too', async () => {
    const parent = await startParent({ entries: ['nests.js', 'spins.js'] }, 4);
    expect(parent.pids).toHaveLength(7);
    await parent.diesWith(parent.pids);
  });

  test('of an inner parent does its work when only the worker is killed', async () => {
    const parent = await startParent({ entries: ['nests.js'] }, 3);
    const inner = parent.pids.filter((pid) => pid !== parent.told[0]?.orphanReaper);
    const nest = parent.told.find(({ entry }) => entry === 'nests.js') as Told;
    process.kill(-nest.pid, 'SIGKILL');
    for (const pid of inner) await until(`${pid} is gone`, () => !runs(pid), GONE_WITHIN_MS);
  });

  test('knows a worker before the parent knows that it runs', async () => {
    const parent = new Parent({ entries: ['spins.js'] });
    parents.push(parent);
    await parent.tells('it was spawned', (told) => told.some(({ spawned }) => spawned));
    await parent.diesWith(parent.pids);
  });

  test('that was killed by hand is replaced by one that knows as much', async () => {
    const parent = await startParent({ entries: ['spins.js', 'spins.js'] }, 2);
    const [first] = parent.guards as [number];
    process.kill(first, 'SIGKILL');
    await until('it is gone', () => !runs(first));
    let second = first;
    while (second === first || second === undefined) second = (await parent.ask('which guard?')).orphanReaper;
    await parent.diesWith([...parent.pids.filter((pid) => pid !== first), second]);
  });

  test.each<[string, object]>([
    ['the system tells', {}],
    ['it has to be asked', { asks: true }],
    ['it has to be asked, and there is no shell', { asks: true, shell: '/nowhere/sh' }],
  ])('that is stopped is replaced by one that knows as much, and that goes well again and again (%s)', async (_, options) => {
    const parent = await startParent({ entries: ['spins.js', 'spins.js'], ...options }, 2);
    const gone: number[] = [];
    let [orphanReaper] = parent.guards as [number];
    for (let round = 0; round < 2; round += 1) {
      process.kill(orphanReaper, 'SIGSTOP');
      gone.push(orphanReaper);
      while (orphanReaper === undefined || gone.includes(orphanReaper)) orphanReaper = (await parent.ask('which guard?')).orphanReaper;
      for (const pid of gone) await until(`${pid} is gone`, () => !runs(pid));
    }
    await parent.diesWith([...parent.pids.filter((pid) => !gone.includes(pid)), orphanReaper]);
  });

  test.each([{}, { asks: true }])('that runs is left alone, however long it is looked at (%o)', async (options) => {
    const parent = await startParent({ entries: ['sleeps.js'], ...options }, 1);
    const [orphanReaper] = parent.guards;
    const since = performance.now();
    while (performance.now() - since < 3500) expect((await parent.ask('which guard?')).orphanReaper).toBe(orphanReaper);
    await parent.diesWith(parent.pids);
  });

  test('does not end by signals', async () => {
    const parent = await startParent({ entries: ['spins.js'] }, 1);
    const [orphanReaper] = parent.guards as [number];
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGPIPE', 'SIGALRM'] as const) {
      process.kill(orphanReaper, signal);
    }
    await parent.diesWith(parent.pids);
  });

  test('does without a shell', async () => {
    const parent = await startParent({ entries: ['spins.js', 'has-grandchild.js'], shell: '/nowhere/sh' }, 2);
    await parent.diesWith(parent.pids);
  });

  test('leaves alone what it was told to forget', async () => {
    const parent = await startParent({ entries: ['sleeps.js', 'sleeps.js'] }, 2);
    const [orphanReaper] = parent.guards as [number];
    await parent.ask('drop');
    parent.process.kill('SIGKILL');
    await until('the guard has gone', () => !runs(orphanReaper));
    const survivors = parent.pids.filter(runs);
    for (const pid of survivors) process.kill(pid, 'SIGKILL');
    expect(survivors).toHaveLength(2);
  });
});

describe('the guard of this process', () => {
  const told = (orphanReaper: OrphanReaper, pid: number): Promise<void> => new Promise((resolve) => orphanReaper.add(pid, resolve));
  const rssKb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

  test('stays small over thousands of pids, forgets each, and goes with the last user', async () => {
    clock.hold();
    const before = openDescriptors();
    const orphanReaper = new OrphanReaper();
    orphanReaper.join();
    orphanReaper.join();
    const asleep = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { detached: true, stdio: 'ignore' });
    await told(orphanReaper, asleep.pid as number);
    const { pid } = orphanReaper as { pid: number };
    // Beyond any pid: nobody is hit by a mistake.
    for (let i = 0; i < 5000; i++) {
      await told(orphanReaper, 500_000_000 + i);
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
    await until('it is gone', () => stateOf(pid) === undefined);
    await until('its pipe is closed', () => openDescriptors().length <= before.length);
    expect(runs(asleep.pid as number)).toBe(true);
    asleep.kill('SIGKILL');
    clock.release();
  });

  test('that cannot live holds nobody up, and ends with the last user', async () => {
    clock.hold();
    const orphanReaper = new OrphanReaper({ shell: '/bin/false' });
    orphanReaper.join();
    for (let i = 0; i < 4; i++) {
      await told(orphanReaper, 500_000_000 + i);
      await until('it has died', () => orphanReaper.pid === undefined);
    }
    for (let i = 0; i < 4; i++) orphanReaper.remove(500_000_000 + i);
    orphanReaper.leave();
    expect(orphanReaper.pid).toBeUndefined();
    clock.release();
  });

  test('that is stopped holds nobody up, and is gone after the last user all the same', async () => {
    clock.hold();
    const orphanReaper = new OrphanReaper();
    orphanReaper.join();
    await told(orphanReaper, 500_000_000);
    const { pid } = orphanReaper as { pid: number };
    process.kill(pid, 'SIGSTOP');
    // More than a pipe holds: it is replaced, or each of them waits no longer than the bound.
    await Promise.all(Array.from({ length: 1000 }, (_, i) => told(orphanReaper, 500_000_001 + i)));
    for (let i = 0; i < 1001; i++) orphanReaper.remove(500_000_000 + i);
    orphanReaper.leave();
    await until('it is gone', () => stateOf(pid) === undefined);
    clock.release();
  });
});
