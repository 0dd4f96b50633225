/** The options of `everpool map <module>#<task>`. The run itself is in map-run.ts. */
import { Command, Option } from 'commander';
import { guarded, integer, refuseTwice } from './command-line.js';
import { addConnectOptions, type ConnectFlags, placeOf } from './connect.js';
import { UsageError } from './exit.js';
import { moduleUrl } from './files.js';
import { parseHalt } from './halt.js';
import type { InputFormat } from './input.js';
import { parseLimit } from './limits.js';
import { type MapRunOptions, runMap } from './map-run.js';

interface Flags extends ConnectFlags {
  readonly id?: string;
  readonly in?: string;
  readonly args?: string[];
  readonly inputFormat?: InputFormat;
  readonly out?: string;
  readonly size?: number;
  readonly retries?: number;
  readonly timeout?: string;
  readonly journal?: string;
  readonly retryFailed?: boolean;
  readonly tag?: string;
  readonly ordered?: boolean;
  readonly onError: 'stop' | 'continue';
  readonly halt: string;
  readonly joblog?: string;
  readonly spread?: boolean;
  readonly strict?: boolean;
  readonly dryRun?: boolean;
  readonly quiet?: boolean;
}

export function mapCommand(): Command {
  const command = new Command('map')
    .exitOverride()
    .description('runs an exported function of a module over many items; writes one line of JSON per item')
    .argument('<module#task>', 'the task module and one of its exports, such as ./tasks.js#resize')
    .option('--in <file>', 'the items: .ndjson or .jsonl, .json (an array), or one per line; default: NDJSON from stdin')
    .option('--args <items...>', 'the items themselves; each is parsed as JSON if possible')
    .addOption(
      new Option('--input-format <format>', 'the format of the input, whatever the name of the file').choices(['ndjson', 'json', 'lines']),
    )
    .option('--spread', 'each item is a list of arguments')
    .option('--out <file>', 'write the results there (default: stdout)')
    .option('--size <workers>', 'the number of worker processes (default: one per core)', integer)
    .option('--retries <n>', 'how often an item may start again after its worker has died', integer)
    .option('--timeout <time>', 'limit for each item: 500ms, 30s, 2m, or 300% of the running median')
    .option('--ordered', 'write the results in the order of the items')
    .addOption(new Option('--on-error <what>', 'after the first failed item').choices(['continue', 'stop']).default('continue'))
    .option('--halt <when>', 'end early: soon|now,fail|success|done=N or N%; soon finishes running items, now kills them', 'never')
    .option('--journal <file>', 'record finished items there, and skip them in the next run')
    .option('--retry-failed', 'with --journal: run failed items again')
    .option('--joblog <file>', 'write a table of all items: index, attempts, ms, ok')
    .option('--tag <text>', 'a tag for all tasks, for logs')
    .option('--strict', 'end the run at the first input line that cannot be read (default: report it and continue)')
    .option('--dry-run', 'print the calls instead of running them')
    .option('--quiet', 'show no progress')
    .option('--id <id>', 'with --connect: the batch outlives this run; the same command again goes on');
  addConnectOptions(command).action(async (target: string, flags: Flags) => {
    process.exitCode = await guarded(async () => {
      const options = optionsOf(target, flags);
      return await guarded(() => runMap(options), options.place?.clean);
    });
  });
  refuseTwice(command);
  return command;
}

/** Of a pool, which a run on a cluster has not; and the other way round. */
const OF_POOL = ['size', 'journal', 'retryFailed'] as const;
const OF_CLUSTER = ['id', 'name', 'prefix', 'schema', 'secretFile'] as const;

function checkPlace(flags: Flags): void {
  const { connect, migrate } = flags;
  const wrong = (connect === undefined ? OF_CLUSTER : OF_POOL).find((option) => flags[option] !== undefined);
  if (connect !== undefined && wrong !== undefined) {
    const why = wrong === 'size' ? 'the hosts have their own sizes (everpool serve)' : 'with --connect, name the batch with --id instead';
    throw new UsageError(`${dashed(wrong)}: ${why}`);
  }
  if (connect === undefined && (wrong !== undefined || migrate === false))
    throw new UsageError(`${dashed(wrong ?? 'noMigrate')} needs --connect`);
  if (connect !== undefined && flags.timeout?.endsWith('%') === true)
    throw new UsageError('--timeout: with --connect, expected a time such as 30s: only a pool knows the running median');
}

function dashed(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function optionsOf(target: string, flags: Flags): MapRunOptions {
  const [, module, task] = /^(.+)#([^#]+)$/.exec(target) ?? [];
  if (module === undefined || task === undefined)
    throw new UsageError(`expected <module>#<task>, such as ./tasks.js#resize, got '${target}'`);
  if (flags.in !== undefined && flags.args !== undefined) throw new UsageError('--in and --args exclude each other');
  checkPlace(flags);
  if (flags.retryFailed === true && flags.journal === undefined) throw new UsageError('--retry-failed needs --journal');
  return {
    place: flags.connect === undefined ? undefined : placeOf(flags),
    id: flags.id,
    module: moduleUrl(module),
    task,
    in: flags.in,
    args: flags.args,
    format: flags.inputFormat,
    out: flags.out,
    size: flags.size,
    retries: flags.retries,
    timeout: flags.timeout === undefined ? undefined : parseLimit(flags.timeout),
    journal: flags.journal,
    resume: flags.retryFailed === true ? 'failed' : undefined,
    tag: flags.tag,
    ordered: flags.ordered === true,
    stopsOnError: flags.onError === 'stop',
    halt: parseHalt(flags.halt),
    joblog: flags.joblog,
    isSpread: flags.spread === true,
    isStrict: flags.strict === true,
    isDry: flags.dryRun === true,
    isQuiet: flags.quiet === true,
  };
}
