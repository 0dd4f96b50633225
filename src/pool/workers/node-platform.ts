/** The real doors of a pool: the machine's clock, and processes started by Node. */
import { availableParallelism } from 'node:os';
import { withinVariable } from '../../shared/nesting.js';
import { NodeClock } from '../../shared/node-clock.js';
import { NodeSpawner } from '../../supervisor/node/node-spawner.js';
import { sharedOrphanReaper } from '../../supervisor/node/orphan-reaper.js';
import { ownNode, workerCode } from '../../supervisor/node/worker-code.js';
import { nodeJournals } from '../batch/node-journal-store.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';
import type { PoolPlatform } from '../platform.js';
import { workerExecArgv } from './exec-argv.js';
import { modulesWithin, preloadsOf } from './recursion.js';

/** Of a worker's title, behind the name of the pool: `: worker 12345 (resizeImage)`. */
const TITLE_ROOM = 42;

/** @throws EverpoolError (ERR_EVERPOOL_UNSUPPORTED, ERR_EVERPOOL_NESTED) when no worker could run, or each would start others */
export function nodePlatform(options: ResolvedPoolOptions): PoolPlatform {
  const clock = new NodeClock();
  const code = workerCode();
  const execPath = options.execPath ?? ownNode();
  const execArgv = workerExecArgv(options, code.folder);
  const env = environment(options.env);
  const within = modulesWithin(options, preloadsOf(execArgv, env['NODE_OPTIONS']));
  const { argv, cwd, uid, gid, stdout, stderr, killTree, diagnose } = options;
  const spawner = new NodeSpawner({
    entry: code.entry,
    ownFrames: code.frames,
    execPath,
    execArgv,
    argv,
    env: { ...env, ...withinVariable(within) },
    cwd,
    uid,
    gid,
    stdout,
    stderr,
    killTree,
    diagnose,
    titleRoom: options.name.length + TITLE_ROOM,
    orphanReaper: sharedOrphanReaper(),
    clock,
  });
  return { clock, spawner, journals: nodeJournals, random: Math.random, spawnConcurrency: Math.max(8, 2 * availableParallelism()) };
}

/** The parent's environment with the user's names over it: PATH is not lost by giving one variable. */
function environment(added: ResolvedPoolOptions['env']): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ...added })) if (value !== undefined) env[name] = value;
  return env;
}
