/**
 * The real platform of a pool: the clock of the machine, processes started by Node, and journals in
 * files. It translates the pool's options into those of the spawner.
 */
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

/** The bytes in a worker's title after the name of the pool: `: worker 12345 (resizeImage)`. */
const TITLE_ROOM = 42;

/**
 * @throws EverpoolError if workers cannot run (ERR_EVERPOOL_UNSUPPORTED) or would start others
 * endlessly (ERR_EVERPOOL_NESTED)
 */
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

/**
 * The parent's environment, overridden by the user's variables: giving one variable does not lose
 * PATH.
 */
function environment(added: ResolvedPoolOptions['env']): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...process.env, ...added })) if (value !== undefined) env[name] = value;
  return env;
}
