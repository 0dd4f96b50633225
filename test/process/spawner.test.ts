/** One real process and its channel, signals, descendants and control file, without a pool. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Bench, clock, fixture, openDescriptors, runs, stateOf, until } from '../fixtures/spawner/kit.js';

const namespace = ['--pid', '--fork', '--mount-proc'];
const mayUnshare = spawnSync('unshare', [...namespace, 'true']).status === 0;
let bench: Bench;
let before: string[];

beforeEach(() => {
  clock.hold();
  before = openDescriptors();
  bench = new Bench();
});

afterEach(async () => {
  await bench.clear();
  await until('every descriptor has been given back', () => openDescriptors().length <= before.length);
  clock.release();
});

/** Blocks the event loop, so that all events wait in the kernel meanwhile. */
function blockUntil(isSo: () => boolean): void {
  const deadline = performance.now() + 10_000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('blocked for too long');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

describe('the channel', () => {
  test('carries bytes both ways, and spawn itself reports nothing', async () => {
    const { worker, watcher } = bench.spawn('echoes.js');
    expect(watcher.events).toEqual([]);
    expect(worker.send([Buffer.from('one '), Buffer.alloc(0), Buffer.from('two')])).toBe(true);
    expect(worker.unsentBytes).toBe(0);
    await watcher.says('one two');
    expect(watcher.count('spawned')).toBe(1);
    expect(watcher.count('drain')).toBe(0);
  });

  test('reports that it buffers, and once that the buffer was written', async () => {
    const total = 64 << 20;
    const { worker, watcher, pid } = bench.spawn('reads-late.js', { argv: [String(total + 4)] });
    await watcher.says('ready');
    expect(worker.send([Buffer.from('head'), Buffer.alloc(total)])).toBe(false);
    expect(worker.unsentBytes).toBeGreaterThan(0);
    process.kill(pid, 'SIGUSR2');
    await watcher.seesEvent('drain');
    expect(worker.unsentBytes).toBe(0);
    await watcher.says(`read ${total + 4}`);
    expect(watcher.count('drain')).toBe(1);
  });

  test('delivers the twenty results of a dead worker even if a write to it fails first', async () => {
    const { worker, watcher, pid } = bench.spawn('answers-and-dies.js');
    blockUntil(() => stateOf(pid) === 'Z');
    worker.send([Buffer.from('for nobody')]);
    await watcher.ends();
    expect(watcher.text.split('\n')).toHaveLength(21);
    expect(watcher.text).toContain('result 19\n');
    expect(worker.send([Buffer.from('dropped')])).toBe(true);
    expect(worker.unsentBytes).toBe(0);
  });

  test('ends once, after the last byte, even of a worker that exits with a full pipe', async () => {
    const { watcher } = bench.spawn('floods-and-leaves.js');
    await watcher.ends();
    expect(watcher.exit).toEqual({ code: 7, signal: null });
    expect(Buffer.concat(watcher.chunks).length).toBe(8 << 20);
    expect(watcher.events.lastIndexOf('data')).toBeLessThan(watcher.events.indexOf('readEnd'));
    expect(watcher.count('readEnd')).toBe(1);
    expect(watcher.count('exit')).toBe(1);
  });

  test('has delivered the last words on stderr when the worker has exited and its channel has ended', async () => {
    for (let round = 0; round < 5; round++) {
      const { watcher, pid } = bench.spawn('floods-and-leaves.js');
      await watcher.sees('some of the flood', () => Buffer.concat(watcher.chunks).length > 4 << 20);
      if (round % 2 === 0) blockUntil(() => stateOf(pid) === 'Z' || stateOf(pid) === 'R' || stateOf(pid) === 'S');
      await watcher.ends();
      expect(watcher.stderrAtEnd.endsWith('last words')).toBe(true);
      expect(watcher.stderrAtEnd.length).toBe(60_010);
    }
  });

  test('reports one end if this side closes it, and the process lives on', async () => {
    const { worker, watcher, pid } = bench.spawn('sleeps.js');
    await watcher.says('sleeping');
    worker.disconnect();
    worker.disconnect();
    await watcher.seesEvent('readEnd');
    expect(runs(pid)).toBe(true);
    expect(worker.send([Buffer.from('dropped')])).toBe(true);
    expect(worker.signal('SIGKILL')).toBe(true);
    await watcher.seesEvent('exit');
    expect(watcher.count('readEnd')).toBe(1);
  });

  test('counts as ended if the worker closes its reading side and lives on', async () => {
    const { worker, watcher, pid } = bench.spawn('closes-its-ears.js');
    await watcher.says('deaf');
    worker.send([Buffer.from('hello')]);
    await watcher.seesEvent('readEnd');
    expect(runs(pid)).toBe(true);
  });
});

describe('output', () => {
  test('arrives from the pipes that were requested', async () => {
    const { watcher } = bench.spawn('talks.js', { stdout: 'pipe', stderr: 'pipe' });
    await watcher.sees('both lines', () => watcher.stdout.length > 0 && watcher.stderr.length > 0);
    expect(Buffer.concat(watcher.stdout).toString()).toBe('to stdout\n');
    expect(Buffer.concat(watcher.stderr).toString()).toBe('to stderr\n');
  });

  test('is not reported if it is ignored', async () => {
    const { worker, watcher } = bench.spawn('talks.js', { stdout: 'ignore', stderr: 'ignore' });
    await watcher.seesEvent('spawned');
    worker.disconnect();
    await watcher.ends();
    expect(watcher.events).not.toContain('stderr');
    expect(watcher.events).not.toContain('stdout');
  });
});

describe('signals', () => {
  test('a stopped worker gets SIGKILL', async () => {
    const { worker, watcher, pid } = bench.spawn('sleeps.js');
    await watcher.says('sleeping');
    expect(worker.signal('SIGSTOP')).toBe(true);
    await until('it has stopped', () => stateOf(pid) === 'T');
    expect(worker.signal('SIGKILL')).toBe(true);
    await watcher.ends();
    expect(watcher.exit).toEqual({ code: null, signal: 'SIGKILL' });
  });

  test('a stopped worker gets SIGTERM, because SIGCONT goes with it', async () => {
    const { worker, watcher, pid } = bench.spawn('spins.js');
    await watcher.says('spinning');
    worker.signal('SIGSTOP');
    await until('it has stopped', () => stateOf(pid) === 'T');
    expect(worker.signal('SIGTERM')).toBe(true);
    await watcher.ends();
    expect(watcher.exit?.signal).toBe('SIGTERM');
  });

  test('reach no process after the worker was reaped', async () => {
    const { worker, watcher } = bench.spawn('talks.js');
    worker.disconnect();
    await watcher.seesEvent('exit');
    expect(worker.signal('SIGTERM')).toBe(false);
    expect(worker.vitals()?.rssBytes).toBeUndefined();
  });

  test('a worker can be killed right after spawn, and is never reported as spawned after its exit', async () => {
    const { worker, watcher } = bench.spawn('spins.js');
    expect(worker.signal('SIGKILL')).toBe(true);
    await watcher.ends();
    const exitAt = watcher.events.indexOf('exit');
    expect(watcher.events.indexOf('spawned')).toBeLessThan(exitAt);
    await expect(worker.sweep(1000)).resolves.toBe(true);
  });
});

describe('sweep', () => {
  test('ends the processes that a worker left behind', async () => {
    const { worker, watcher } = bench.spawn('has-grandchild.js', { argv: ['leaves'] });
    await watcher.ends();
    const grandchild = Number(watcher.text);
    expect(runs(grandchild)).toBe(true);
    await expect(worker.sweep(2000)).resolves.toBe(true);
    expect(runs(grandchild)).toBe(false);
  });

  test('ends a worker that spins, and its descendants', async () => {
    const { worker, watcher, pid } = bench.spawn('has-grandchild.js');
    await watcher.sees('the pid', () => watcher.text !== '');
    await expect(worker.sweep(2000)).resolves.toBe(true);
    expect(runs(pid)).toBe(false);
    expect(runs(Number(watcher.text))).toBe(false);
  });

  test('without killTree leaves the descendants alone', async () => {
    const { worker, watcher } = bench.spawn('has-grandchild.js', { argv: ['leaves'], killTree: false });
    await watcher.ends();
    const grandchild = Number(watcher.text);
    await expect(worker.sweep(2000)).resolves.toBe(true);
    expect(runs(grandchild)).toBe(true);
    process.kill(grandchild, 'SIGKILL');
  });

  test.skipIf(!mayUnshare)('confirms an end even where nobody reaps (skipped where no namespace may be made)', async () => {
    const argv = [...namespace, process.execPath, '--import', 'tsx', fixture('sweeps-as-init.js')];
    const { stdout } = await promisify(execFile)('unshare', argv, { timeout: 10_000 });
    expect(JSON.parse(stdout)).toEqual({ pid: 1, confirmed: true, runs: false, state: 'Z' });
  });

  test('takes no time if the worker left nothing behind', async () => {
    const { worker, watcher } = bench.spawn('talks.js');
    worker.disconnect();
    await watcher.ends();
    let resolved = false;
    void worker.sweep(2000).then(() => {
      resolved = true;
    });
    await Promise.resolve();
    expect(resolved).toBe(true);
  });
});

describe('descriptors', () => {
  const links = (pid: number): Map<string, string> =>
    new Map(readdirSync(`/proc/${pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${pid}/fd/${fd}`)]));

  test('no worker holds a descriptor of another or of the orphan reaper, nor more of its own than it needs', async () => {
    const workers = [1, 2, 3].map(() => bench.spawn('sleeps.js', { stdout: 'pipe' }));
    for (const { watcher } of workers) await watcher.says('sleeping');
    const all = workers.map(({ pid }) => links(pid));
    const guarded = bench.orphanReaper.pid as number;
    const held = [...all, links(guarded)].map((fds) => [...fds.values()].filter((link) => /socket|pipe|everpool/.test(link)));
    const sockets = held.flat().filter((link) => link.startsWith('socket'));
    // stdout, stderr and the two directions of each worker, and the stdin of the orphan reaper: no
    // socket twice.
    expect(sockets).toHaveLength(3 * 4 + 1);
    expect(new Set(sockets).size).toBe(sockets.length);
    const controlFiles = held.flat().filter((link) => link.includes('everpool-'));
    expect(new Set(controlFiles).size).toBe(2 * 3);
    expect(controlFiles).toHaveLength(2 * 3);
    for (const controlFile of controlFiles) expect(controlFile).toMatch(/\(deleted\)$/);
    for (const fds of all) {
      expect(fds.get('0')).toBe('/dev/null');
      for (const fd of ['5', '6']) expect(fds.get(fd)).toMatch(/everpool-/);
      // Nothing of the parent's is inherited: it can recall, and the worker cannot offer.
      expect(Math.max(...[...fds].filter(([, link]) => link.includes('everpool-')).map(([fd]) => Number(fd)))).toBe(6);
    }
  });

  test("a worker's own children inherit nothing of its channel", async () => {
    const { watcher } = bench.spawn('lists-descriptors.js');
    await watcher.sees('the list', () => watcher.text !== '');
    expect(watcher.text).not.toContain('everpool-');
    // stdout is the requested pipe; stderr is the worker's.
    expect(watcher.text.split('\n').filter((link) => link.startsWith('socket')).length).toBeLessThanOrEqual(2);
  });

  test('resident memory is that of the process, while it lives', async () => {
    const { worker, watcher } = bench.spawn('sleeps.js');
    await watcher.says('sleeping');
    expect(worker.vitals()?.rssBytes).toBeGreaterThan(10 << 20);
    expect(worker.vitals()?.rssBytes).toBeLessThan(500 << 20);
  });

  test('what it waited for a processor is known, while it lives', async () => {
    const { worker, watcher } = bench.spawn('sleeps.js');
    await watcher.says('sleeping');
    if (existsSync('/proc/self/schedstat')) expect(worker.waitedMs()).toBeGreaterThan(0);
    worker.signal('SIGKILL');
    await watcher.ends();
    expect(worker.waitedMs()).toBe(0);
  });

  test('after release no listener is called, and a second release does nothing', async () => {
    const { worker, watcher } = bench.spawn('echoes.js');
    await watcher.seesEvent('spawned');
    worker.send([Buffer.alloc(32 << 20)]);
    const seen = watcher.events.length;
    worker.release();
    worker.release();
    expect(worker.send([Buffer.from('x')])).toBe(true);
    expect(worker.signal('SIGKILL')).toBe(false);
    expect(worker.vitals()?.rssBytes).toBeUndefined();
    worker.controlFile.offer(1);
    expect(worker.controlFile.commit()).toBe(true);
    expect(worker.controlFile.recall()).toBe(Number.POSITIVE_INFINITY);
    const pid = worker.pid as number;
    await until('the worker has ended', () => stateOf(pid) === undefined);
    expect(watcher.events.length).toBe(seen);
  });
});

describe('the control file', () => {
  test('is descriptors 5 and 6 of the worker, and shows its claims after its death and its release', async () => {
    const claim = `const b = Buffer.alloc(8); fs.readSync(6, b, 0, 8, null); fs.writeSync(4, String(b.readDoubleLE(0)))`;
    const write = `let refused; try { fs.writeSync(6, b) } catch (error) { refused = error.code } fs.writeSync(4, ' ' + refused)`;
    const source = `${claim}; ${write}; process.kill(process.pid, 'SIGKILL')`;
    const { worker, watcher } = bench.spawn('sleeps.js', { execArgv: ['-e', source], entry: ['--'] });
    for (const seq of [41, 42, 43]) worker.controlFile.offer(seq);
    expect(worker.controlFile.commit()).toBe(true);
    await watcher.ends();
    expect(watcher.text).toBe('41 EBADF');
    expect(worker.controlFile.unclaimed()).toBe(42);
    expect(worker.controlFile.recall()).toBe(42);
    worker.controlFile.offer(43);
    worker.controlFile.commit();
    worker.release();
    expect(worker.controlFile.unclaimed()).toBe(43);
  });
});
