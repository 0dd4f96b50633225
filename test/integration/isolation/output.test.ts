/** What workers print arrives, however slow its reader is; a reader that ends harms no worker. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Death } from 'everpool';
import { describe, expect, test } from 'vitest';
import { fixture, isRunning, newPool, rejection, until, useKit } from '../../kit/pools.js';

const program = fileURLToPath(fixture('program-that-prints.js'));
const BYTES = 300_000;

function start(...args: string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
}

/** Starts to read only when the program can write no more, and goes on in small steps. */
async function readSlowly(stream: Readable): Promise<number> {
  stream.pause();
  await new Promise((resolve) => stream.once('readable', resolve));
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return bytes;
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

describe('output', () => {
  useKit();

  for (const stream of ['out', 'err']) {
    test.each(['close', 'terminate', 'restart', 'resize', 'idle'])(
      `std${stream} of a worker that leaves by %s arrives whole at a slow reader`,
      async (how) => {
        const child = start(stream, how, String(BYTES));
        const [slow, other] = stream === 'out' ? [child.stdout, child.stderr] : [child.stderr, child.stdout];
        const [bytes, rest, report] = await Promise.all([
          readSlowly(slow as Readable),
          textOf(other as Readable),
          textOf(child.stdio[3] as Readable),
        ]);
        expect(rest).toBe('');
        // Two workers print, and one of them leaves first.
        expect(bytes).toBe(how === 'resize' ? 2 * BYTES : BYTES);
        expect(JSON.parse(report).deaths[0]).toEqual({ requested: true, exitCode: 0, signal: null, phase: 'stopping' });
      },
    );

    test(`std${stream} of a worker that is recycled arrives whole at a slow reader`, async () => {
      const child = start(stream, 'recycle', String(BYTES), JSON.stringify({ recycle: { afterTasks: 1 } }));
      const [slow, other] = stream === 'out' ? [child.stdout, child.stderr] : [child.stderr, child.stdout];
      const [bytes] = await Promise.all([readSlowly(slow as Readable), textOf(other as Readable), textOf(child.stdio[3] as Readable)]);
      expect(bytes).toBe(BYTES);
    });

    test(`std${stream} as events arrives whole before close() resolves`, async () => {
      const bytes = 2_000_000;
      const child = start(stream, 'close', String(bytes), JSON.stringify({ stdout: 'pipe', stderr: 'pipe' }));
      const report = await textOf(child.stdio[3] as Readable);
      expect(JSON.parse(report).heard).toBe(bytes);
    });

    test(`std${stream} that nobody reads delays close() by graceMs, and no longer`, async () => {
      const child = start(stream, 'close', String(BYTES), JSON.stringify({ graceMs: 300 }));
      const { ms, deaths } = JSON.parse(await textOf(child.stdio[3] as Readable));
      child.kill('SIGKILL');
      expect(deaths[0]).toMatchObject({ requested: true });
      expect(ms).toBeLessThan(20_000);
    });

    test(`std${stream} whose reader has ended kills no worker: the program decides`, async () => {
      const child = start(stream, 'close', '100', '{}');
      for (const each of [child.stdout, child.stderr]) each?.destroy();
      const { deaths } = JSON.parse(await textOf(child.stdio[3] as Readable));
      expect(deaths).toEqual([{ requested: true, exitCode: 0, signal: null, phase: 'stopping' }]);
    });
  }

  test('a worker whose stdout has no reader goes on with its tasks', async () => {
    const source = `
      import { Pool } from 'everpool';
      import { writeSync } from 'node:fs';
      const pool = new Pool({ module: ${JSON.stringify(fixture('prints.js'))}, size: 1 });
      const pids = new Set();
      for (let i = 0; i < 20; i += 1) {
        await pool.run('log', ['x'.repeat(1000)]);
        pids.add(await pool.run('pid'));
        await pool.run('nap', [5]);
      }
      await pool.close();
      writeSync(3, JSON.stringify({ pids: pids.size, deaths: pool.stats().deaths }));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
    });
    child.stdout?.destroy();
    expect(JSON.parse(await textOf(child.stdio[3] as Readable))).toEqual({ pids: 1, deaths: 0 });
  });
});

describe('a worker that leaves', () => {
  useKit();

  /** The death by close() of a worker in which this has run. */
  async function ends(name: string, how: string): Promise<{ death: Death; ms: number }> {
    const pool = newPool({ module: fixture('prints.js'), size: 1, graceMs: 20_000, stdout: 'pipe' });
    await pool.run(name as never, [how] as never);
    const died = new Promise<Death>((resolve) => pool.once('workerDied', ({ death }) => resolve(death)));
    const since = performance.now();
    await pool.close();
    return { death: await died, ms: performance.now() - since };
  }

  test.each(['throws', 'throws nothing', 'throws an object that cannot be shown', 'exits again', 'sets the exit code', 'rejects'])(
    'is not slower because an exit listener %s',
    async (how) => {
      const { death, ms } = await ends('listeners', how);
      expect(death).toMatchObject({ requested: true, signal: null, phase: 'stopping' });
      expect(ms).toBeLessThan(15_000);
      if (how === 'throws') expect(death.stderrTail).toContain('thrown at the end');
    },
  );

  test.each([
    'process is frozen',
    'process.exit does nothing',
    'process.emit throws',
    'process.reallyExit does nothing',
    'work goes on before the exit',
    'stdout is another',
    'stdout was ended',
  ])('is not slower because %s', async (how) => {
    const { death, ms } = await ends('breaks', how);
    expect(death).toMatchObject({ requested: true, signal: null });
    expect(ms).toBeLessThan(15_000);
  });

  test('is ended by the kill ladder if an exit listener never returns', async () => {
    const pool = newPool({ module: fixture('prints.js'), size: 1, graceMs: 100 });
    await pool.run('listeners' as never, ['spins'] as never);
    const pid = pool.workers()[0]?.pid as number;
    await pool.close();
    await until('it has ended', () => !isRunning(pid));
  });

  test('ends immediately if an exit listener throws while it boots', async () => {
    const module = `data:text/javascript,process.on('exit', () => { throw 1 }); throw new Error('no database')`;
    const pool = newPool({ module, size: 1, restart: { intensity: 0, probeMs: false } });
    expect((await rejection(pool.run('noop' as never))).message).toContain('no database');
  });
});
