import { OptionsError, PoolBrokenError } from 'everpool';
import { onStart, onStop } from 'everpool/worker';
import { describe, expect, test } from 'vitest';
import { expectUsable, fixture, linesOf, newFolder, newPool, next, rejection, until, useKit } from '../kit/pools.js';

const HOWS = ['exit0', 'exit3', 'abort', 'segv', 'term', 'uncaught', 'unhandled', 'heap'] as const;
const ENDS: Record<(typeof HOWS)[number], object> = {
  exit0: { exitCode: 0, cause: 'exit' },
  exit3: { exitCode: 3, cause: 'exit' },
  abort: { signal: 'SIGABRT', cause: 'signal' },
  segv: { signal: 'SIGSEGV', cause: 'signal' },
  term: { signal: 'SIGTERM', cause: 'signal' },
  uncaught: { exitCode: 1, cause: 'exit' },
  unhandled: { exitCode: 1, cause: 'exit' },
  heap: { signal: 'SIGABRT', cause: 'memory' },
};

/** A worker with a stop hook runs it on SIGTERM too, so what ends this one is the ladder. */
const STOPPING_ENDS: Partial<typeof ENDS> = { term: { signal: 'SIGKILL' }, heap: { signal: 'SIGABRT' } };

describe('G. boot failure and restart intensity', () => {
  useKit();

  test('G03: a module that fails leaves nothing behind while it fails again and again', async () => {
    // What may be left is checked after every test: processes, descriptors, timers.
    const pool = newPool({ module: 'data:text/javascript,throw new Error("never")', restart: { intensity: 8, backoff: { initialMs: 1 } } });
    await next(pool, 'broken');
    await pool.close();
    expect(pool.workers()).toEqual([]);
  });

  test('G04: hooks that are no functions, and modules that are none, are refused at once', () => {
    for (const hook of [onStart, onStop]) {
      expect(() => hook('5' as never)).toThrow(OptionsError);
      expect(() => hook(undefined as never)).toThrow(/expected a function, got undefined/);
    }
    for (const module of [5, null, {}, '', './relative.js']) expect(() => newPool({ module: module as never })).toThrow(/module/);
  });

  test('G05, G06: as many deaths as the intensity do not break it, one more does; a proof between them counts anew', async () => {
    const pool = newPool({ size: 1, restart: { intensity: 1, probeMs: false, backoff: { initialMs: 1 } } });
    const kill = async (): Promise<void> => {
      await until('it is ready', () => pool.workers().some((worker) => worker.state === 'idle'));
      const died = next(pool, 'workerDied');
      process.kill(pool.workers()[0]?.pid as number, 'SIGKILL');
      await died;
    };
    for (let round = 0; round < 4; round += 1) {
      await kill();
      expect(await pool.run('add', [round, 1])).toBe(round + 1); // by the new worker: a proof
    }
    expect(pool.state).toBe('open');
    await kill();
    expect(pool.state).toBe('open');
    await kill();
    expect(pool.state).toBe('broken');
  });

  test('G07, G15: whatever way a worker ends, its place is filled; what was to leave is not', async () => {
    const pool = newPool({ size: 2, module: fixture('ways-to-die.js') });
    for (const [name, args] of [
      ['exit', [0]],
      ['exit', [1]],
      ['abort', []],
    ] as const) {
      await rejection(pool.run(name as never, args as never));
      await pool.ready();
      expect(pool.stats().size).toBe(2);
    }
    await pool.killWorker(pool.workers()[0]?.id as number);
    await pool.ready();
    expect(pool.workers().filter((worker) => worker.state === 'idle')).toHaveLength(2);
    pool.resize(1);
    await until('one has left', () => pool.workers().length === 1);
    await rejection(pool.run('exit' as never, [0] as never));
    await pool.ready();
    expect(pool.workers()).toHaveLength(1);
  });

  test('G12: the start itself fails again and again: it gives up, and what runs beside it goes on', async () => {
    const folder = newFolder();
    const { mkdirSync, rmdirSync } = await import('node:fs');
    mkdirSync(`${folder}/here`);
    const pool = newPool({ cwd: `${folder}/here`, size: 2, restart: { intensity: 3, probeMs: false, backoff: { initialMs: 1 } } });
    await pool.ready();
    const running = pool.run('sleep', [1500, 'went on']);
    const victim = pool.run('never');
    await Promise.all([running.started, victim.started]);
    rmdirSync(`${folder}/here`);
    process.kill((await victim.started).pid, 'SIGKILL');
    await rejection(victim);
    await next(pool, 'broken');
    expect(running.state).toBe('running');
    expect(await rejection(pool.run('noop'))).toBeInstanceOf(PoolBrokenError);
    expect(await running).toBe('went on');
    expect(pool.state).toBe('broken');
  });

  test('G17: the counts are right at every step, also of workers in a back-off', async () => {
    const pool = newPool({ size: 3, restart: { intensity: 100, backoff: { initialMs: 600, jitter: 0 } } });
    await pool.ready();
    const steady = pool.run('never');
    await steady.started;
    const idle = pool.workers().filter((worker) => worker.state === 'idle');
    expect(idle).toHaveLength(2);
    for (const { pid } of idle) {
      const died = next(pool, 'workerDied');
      process.kill(pid as number, 'SIGKILL');
      await died;
    }
    expect(pool.workers().map((worker) => worker.state)).toEqual(['busy']);
    expect(pool.stats()).toMatchObject({ size: 1, running: 1, deaths: 2, spawned: 3 });
    await until('both boot', () => pool.workers().filter((worker) => worker.state === 'starting').length === 2);
    expect(pool.stats()).toMatchObject({ size: 3, running: 1, spawned: 5 });
    await pool.ready();
    expect(pool.stats()).toMatchObject({ size: 3, running: 1, deaths: 2, spawned: 5 });
    await steady.kill();
    await rejection(steady);
    await expectUsable(pool, 3);
  });

  for (const when of ['boot', 'idle', 'stopping'] as const) {
    test.each(HOWS)(
      `O14: %s, ${when === 'boot' ? 'at boot' : `while ${when}`}: no task event; charged as the contract says`,
      async (how) => {
        const pool = newPool({
          module: fixture('dies-when.js'),
          size: 1,
          env: { DIE_WHEN: when, DIE_HOW: how, DIE_FILE: `${newFolder()}/died` },
          execArgv: ['--max-old-space-size=64'],
          restart: { intensity: 0, probeMs: false },
          killLadder: [{ signal: 'SIGKILL', waitMs: 1000 }],
          graceMs: how === 'term' ? 300 : 20_000,
        });
        const taskEvents: string[] = [];
        for (const event of ['taskStarted', 'taskRetried', 'taskSettled'] as const) pool.on(event, () => taskEvents.push(event));
        const died = next(pool, 'workerDied');
        if (when === 'stopping') {
          await pool.ready();
          const restarted = pool.restart();
          const { death, orphans } = await died;
          await restarted;
          expect(death).toMatchObject({ phase: 'stopping', requested: true, ...(STOPPING_ENDS[how] ?? ENDS[how]) });
          expect(orphans).toEqual([]);
          expect(pool.state).toBe('open');
          expect(await pool.run('noop' as never)).toBe(1);
          expect(pool.stats().deaths).toBe(0);
        } else {
          const { death, orphans } = await died;
          expect(death).toMatchObject({ phase: when, requested: false, ...ENDS[how] });
          expect(orphans).toEqual([]);
          // The intensity is 0: the one charged death is one too many.
          expect(pool.state).toBe('broken');
          expect(pool.stats().deaths).toBe(1);
          expect(taskEvents).toEqual([]);
          pool.revive();
          expect(await pool.run('noop' as never)).toBe(1);
        }
      },
    );
  }

  test('O16: two batches of one function on the same workers, one is killed: the other is exact, and a third runs', async () => {
    const pool = newPool();
    const file = `${newFolder()}/marks`;
    const items = (name: string): [string, string, number][] => Array.from({ length: 200 }, (_, index) => [file, `${name}${index}`, 1]);
    const doomed = pool.starmap('mark', items('doomed'));
    const other = pool.starmap('mark', items('other'));
    const values = Promise.all([other]).then(([list]) => list);
    const error = rejection(doomed);
    await until(
      'both have begun',
      () => linesOf(file).some((line) => line.startsWith('other')) && linesOf(file).some((line) => line.startsWith('d')),
    );
    await doomed.kill();
    expect(await error).toMatchObject({ name: 'TaskCancelledError' });
    expect(await values).toEqual(items('other').map(([, name]) => name));
    expect(
      linesOf(file)
        .filter((line) => line.startsWith('other'))
        .sort(),
    ).toEqual(
      items('other')
        .map(([, name]) => name)
        .sort(),
    );
    expect(linesOf(file).filter((line) => line.startsWith('doomed')).length).toBeLessThan(200);
    expect(await pool.starmap('mark', items('third'))).toHaveLength(200);
  });
});
