/** Spawns that fail, and parents without descriptors or readers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeSpawnerOptions } from '../../src/supervisor/node/node-spawner.js';
import { Bench, clock, fixture, openDescriptors, runs, until } from '../fixtures/spawner/kit.js';

describe('a failing spawn', () => {
  let bench: Bench;
  let before: string[];
  let directory: string;

  beforeEach(() => {
    clock.hold();
    directory = mkdtempSync(join(tmpdir(), 'spawner-'));
    before = openDescriptors();
    bench = new Bench();
  });

  afterEach(async () => {
    await bench.clear();
    await until('every descriptor has been given back', () => openDescriptors().length <= before.length);
    rmSync(directory, { recursive: true });
    clock.release();
  });

  const notExecutable = (): string => {
    const path = join(directory, 'not-executable');
    writeFileSync(path, '');
    chmodSync(path, 0o600);
    return path;
  };

  const failures: [name: string, code: string, options: () => Partial<NodeSpawnerOptions>][] = [
    ['a missing binary', 'ENOENT', () => ({ execPath: '/nowhere/node' })],
    ['a binary that may not be executed', 'EACCES', () => ({ execPath: notExecutable() })],
    ['a missing working directory', 'ENOENT', () => ({ cwd: '/nowhere' })],
    ['a NUL byte in an argument', 'ERR_INVALID_ARG_VALUE', () => ({ argv: ['a\0b'] })],
    ['arguments that are too long', 'E2BIG', () => ({ argv: ['x'.repeat(4 << 20)] })],
  ];

  test.each(failures)('by %s is one error event, %s, and costs no descriptor', async (_name, code, options) => {
    const { worker, watcher } = bench.spawn('echoes.js', options());
    expect(watcher.events).toEqual([]);
    expect(worker.pid).toBeUndefined();
    await watcher.seesEvent('spawnError');
    expect(watcher.error?.code).toBe(code);
    // None of these calls throws without a process.
    expect(worker.send([Buffer.from('x')])).toBe(true);
    expect(worker.unsentBytes).toBe(0);
    expect(worker.signal('SIGKILL')).toBe(false);
    expect(worker.vitals()?.rssBytes).toBeUndefined();
    await expect(worker.sweep(100)).resolves.toBe(true);
    worker.controlFile.offer(1);
    expect(worker.controlFile.commit()).toBe(true);
    worker.controlFile.unclaimed();
    worker.controlFile.recall();
    worker.controlFile.abort(1, 'cancel');
    worker.disconnect();
    await until('every descriptor has been given back', () => openDescriptors().length <= before.length);
    worker.release();
    expect(watcher.events).toEqual(['spawnError']);
  });

  test('is not reported if the worker was released first', async () => {
    const { worker, watcher } = bench.spawn('echoes.js', { execPath: '/nowhere/node' });
    worker.release();
    await until('every descriptor has been given back', () => openDescriptors().length <= before.length);
    await new Promise((resolve) => setImmediate(resolve));
    expect(watcher.events).toEqual([]);
  });
});

describe('a parent', () => {
  const parents: ChildProcess[] = [];

  function startParent(options: object, stdio: ('pipe' | 'ignore')[], prefix = ''): ChildProcess {
    const command = `${prefix} exec "$0" --import tsx "$1" "$2"`;
    const argv = [process.execPath, fixture('parent.js'), JSON.stringify(options)];
    const parent = spawn('/bin/sh', ['-c', command, ...argv], { stdio });
    parents.push(parent);
    return parent;
  }

  afterEach(() => {
    for (const parent of parents.splice(0)) parent.kill('SIGKILL');
  });

  test('without descriptors left gets error events, and goes on', async () => {
    // Each worker needs at least three descriptors, so that one of the first thirty fails in its
    // control file or in the spawn.
    const entries = Array.from({ length: 30 }, () => 'echoes.js');
    const parent = startParent({ entries, hold: false }, ['ignore', 'pipe', 'pipe'], 'ulimit -n 64;');
    const [output, errors] = await Promise.all([text(parent.stdout as never), text(parent.stderr as never)]);
    const events = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const failed = events.filter((event) => event.error !== undefined);
    expect(errors).toBe('');
    expect(failed.length).toBeGreaterThan(0);
    expect(new Set(failed.map((event) => event.error))).toEqual(new Set(['EMFILE']));
    expect(events.filter((event) => event.spawned).length).toBeGreaterThan(0);
    expect(events.filter((event) => event.spawned).length + failed.length).toBeLessThanOrEqual(30);
  });

  test('with idle workers exits by itself, and they end with it', async () => {
    const parent = startParent({ entries: ['sleeps.js', 'echoes.js'], hold: false }, ['ignore', 'pipe', 'ignore']);
    const closed = once(parent, 'close');
    const output = await text(parent.stdout as never);
    expect(await closed).toEqual([0, null]);
    const pids = [...output.matchAll(/"pid":(\d+)/g)].map((match) => Number(match[1]));
    for (const pid of pids) await until(`worker ${pid} has ended`, () => !runs(pid));
  });

  test('survives if nobody reads the stderr that its workers inherit', async () => {
    const parent = startParent({ entries: ['talks.js', 'talks.js'], stderr: 'inherit' }, ['ignore', 'pipe', 'pipe']);
    parent.stderr?.destroy();
    let output = '';
    parent.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    await until('both outputs are reported', () => output.match(/"output":/g)?.length === 2);
    expect(parent.exitCode).toBeNull();
    expect(parent.signalCode).toBeNull();
  });

  test('is not blocked by a stderr that is read late, and loses none of it', async () => {
    const options = { entries: ['floods-stderr.js'], stderr: 'inherit', listens: true };
    const parent = startParent(options, ['pipe', 'pipe', 'pipe']);
    let output = '';
    parent.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    const reported = (): number => [...output.matchAll(/"output":(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
    // The parent reads no more of the worker once it can write no more.
    let last = 0;
    let same = 0;
    await until('its stderr is full', () => {
      same = reported() === last ? same + 1 : 0;
      last = reported();
      return last > 0 && same > 20;
    });
    expect(last).toBeLessThan(2_000_000);
    output = '';
    parent.stdin?.write('hello\n');
    await until('it answers', () => output.includes('hello'));
    let errors = '';
    parent.stderr?.setEncoding('latin1').on('data', (chunk) => {
      errors += chunk;
    });
    await until('the last line has come', () => errors.endsWith('last\n'));
    expect(errors).toBe(`${Array.from({ length: 20_000 }, (_, i) => `${i}`.padStart(99, '.')).join('\n')}\nlast\n`);
  });

  test('passes on the stderr of its workers', async () => {
    const parent = startParent({ entries: ['talks.js'], stderr: 'inherit' }, ['ignore', 'pipe', 'pipe']);
    let errors = '';
    parent.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    await until('the line has come', () => errors === 'to stderr\n');
  });
});
