/** Deaths without a task: which of them the pool is charged with, and that no task is blamed. */
import { describe, expect, test } from 'vitest';
import { fixture, newFolder, newPool, next, useKit } from '../../kit/pools.js';

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

/** A worker with a stop hook runs the hook on SIGTERM too, so the kill ladder ends it. */
const STOPPING_ENDS: Partial<typeof ENDS> = { term: { signal: 'SIGKILL' }, heap: { signal: 'SIGABRT' } };
const PHASES = { boot: 'in its boot', idle: 'while idle', stopping: 'while it stops' } as const;

describe('the death of a worker without a task', () => {
  useKit();

  for (const when of ['boot', 'idle', 'stopping'] as const) {
    test.each(HOWS)(
      `by %s ${PHASES[when]} is charged ${when === 'stopping' ? 'neither to the pool nor' : 'to the pool and not'} to a task`,
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
});
