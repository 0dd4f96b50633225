import { nodeJournals } from '../pool/batch/node-journal-store.js';
import { Pool, platformOf } from '../pool/pool.js';
import type { PoolOptions, TaskModule } from '../pool/types.js';
import { NodeClock } from '../shared/node-clock.js';
import { InlineSpawner } from './inline-process.js';

/**
 * A Pool without processes, for unit tests of code that uses a pool: tasks run in the calling
 * process.
 *
 * Interface, order, limits, errors, retries, events and the cloning of values are those of a Pool.
 * What needs a process is missing: a synchronous task blocks the caller, `process.exit` in a task
 * ends the caller, and a killed task continues, but its result is ignored. `env`, `cwd`,
 * `execArgv`, `uid`, `gid` and the hooks of a module that was imported before have no effect.
 *
 * @example
 * const pool = new InlinePool({ module: new URL('./tasks.js', import.meta.url) });
 * expect(await thumbnails(pool, ['a.png'])).toEqual(['a-small.png']);
 * await pool.close();
 */
export class InlinePool<M extends object = TaskModule> extends Pool<M> {
  /** @throws OptionsError (ERR_EVERPOOL_OPTIONS) naming the option, the rule and the value */
  constructor(options?: PoolOptions) {
    const real = platformOf.make;
    platformOf.make = () => {
      const clock = new NodeClock();
      return {
        clock,
        spawner: new InlineSpawner(clock),
        journals: nodeJournals,
        random: Math.random,
        spawnConcurrency: Number.POSITIVE_INFINITY,
      };
    };
    try {
      super(options);
    } finally {
      platformOf.make = real;
    }
  }
}
