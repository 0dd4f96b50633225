/** `everpool serve <module>`: this machine as a host of a cluster, until a signal drains it. */
import { Command } from 'commander';
import type { Host, ServeOptions } from '../cluster/types.js';
import { guarded, integer, refuseTwice } from './command-line.js';
import { addConnectOptions, type ConnectFlags, type Place, placeOf } from './connect.js';
import { EXIT, exitCodeOf, SIGNALS, say } from './exit.js';
import { checkFiles, moduleUrl } from './files.js';
import { parseDuration } from './limits.js';
import { reportStore } from './store-report.js';

interface Flags extends ConnectFlags {
  readonly host?: string;
  readonly size?: number;
  readonly concurrency?: number;
  readonly lock?: string;
  readonly check?: string;
  readonly drain?: string;
  readonly keep?: string;
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .exitOverride()
    .description('runs the tasks of a cluster on this machine; SIGTERM drains it')
    .argument('<module>', 'the task module, such as ./tasks.js');
  addConnectOptions(command)
    .option('--host <name>', 'the name of this host, for errors and dashboards (default: host name and pid)')
    .option('--size <workers>', 'the number of worker processes (default: one per core)', integer)
    .option('--concurrency <n>', 'tasks at once in each worker (default: 1)', integer)
    .option('--lock <time>', 'how long this host may be silent before others take its tasks (default: 15s)')
    .option('--check <time>', 'how often to look for tasks of silent hosts (default: a third of --lock)')
    .option('--drain <time>', 'how long running tasks may go on after a signal (default: 25s)')
    .option('--keep <time>', 'how long results stay in the store that nobody takes (default: 1h)')
    .addHelpText(
      'after',
      `
Ending: SIGTERM, SIGINT or SIGHUP drains; a second one ends at once.

Exit codes: 0 drained; 1 the store refuses, or the module cannot start; 2 wrong usage;
143, 130, 129 ended at once by SIGTERM, SIGINT, SIGHUP.`,
    )
    .action(async (module: string, flags: Flags) => {
      process.exitCode = await guarded(async () => {
        const place = placeOf(flags);
        return await guarded(() => runServe(moduleUrl(module), optionsOf(flags, place), place), place.clean);
      });
    });
  refuseTwice(command);
  return command;
}

function optionsOf(flags: Flags, { connection, name, secret }: Place): ServeOptions {
  const { host, size, concurrency, lock, check, drain, keep } = flags;
  return {
    connection,
    name,
    secret,
    host,
    pool: { size, concurrency },
    lockMs: duration('--lock', lock),
    checkMs: duration('--check', check),
    drainMs: duration('--drain', drain),
    keepMs: duration('--keep', keep),
  };
}

function duration(option: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(option, text);
}

async function runServe(module: string, options: ServeOptions, { shown, clean }: Place): Promise<number> {
  checkFiles({ module, in: undefined, out: undefined, joblog: undefined, journal: undefined });
  const { serve } = await import('../cluster/index.js');
  const end = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (end.signal.aborted) process.exit(exitCodeOf(signal)); // the workers end with this process (G8)
    say('draining: running tasks may finish; a second signal ends them');
    end.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stderr.on('error', () => undefined); // its reader has left: the host works on
  const host = await started(serve(module, { ...options, signal: end.signal }), end.signal);
  if (host === undefined) return process.exit(EXIT.ok);
  reportStore(host, clean);
  reportHost(host);
  const slots = `${host.slots} ${host.slots === 1 ? 'task' : 'tasks'} at once`;
  say(`host ${host.id} is ready: cluster ${options.name ?? 'everpool'} on ${shown}, ${slots}`);
  if (!end.signal.aborted) await new Promise((resolve) => end.signal.addEventListener('abort', resolve, { once: true }));
  await host.close();
  say('drained');
  return process.exit(EXIT.ok); // a connection that is still closing does not hold it
}

/** Undefined if a signal came before the host had started, so that it has no task. */
async function started(starting: Promise<Host>, signal: AbortSignal): Promise<Host | undefined> {
  try {
    return await starting;
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}

function reportHost(host: Host): void {
  host.pool.on('broken', ({ error }) => say(error.message));
  host.pool.on('recovered', () => say('the workers start again'));
  host.on('fenced', ({ ids }) => say(`cut off from the store for too long: ended ${ids.join(', ')}`));
}
