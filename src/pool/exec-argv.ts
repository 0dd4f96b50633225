/** Node's own options for the workers. */
import type { ResolvedPoolOptions } from './options.js';

/** Options of the parent that would debug, watch, test or evaluate in each worker. Those marked take a value of their own. */
const NOT_INHERITED: readonly { readonly name: RegExp; readonly takesValue: boolean }[] = [
  { name: /^--inspect(-.*)?$/, takesValue: false },
  { name: /^(--eval|-e|--print|-p|-pe|--input-type)$/, takesValue: true },
  { name: /^--(check|interactive)$|^-[ci]$/, takesValue: false },
  { name: /^--watch-path$/, takesValue: true },
  { name: /^--watch(-.*)?$/, takesValue: false },
  { name: /^--test-(reporter|reporter-destination|name-pattern|skip-pattern|concurrency|shard|timeout)$/, takesValue: true },
  { name: /^--(experimental-)?test(-.*)?$/, takesValue: false },
];

export function inheritedExecArgv(execArgv: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < execArgv.length; index += 1) {
    const argument = execArgv[index] as string;
    const [name = ''] = argument.split('=', 1);
    const rule = NOT_INHERITED.find((candidate) => candidate.name.test(name));
    if (rule === undefined) kept.push(argument);
    else if (rule.takesValue && !argument.includes('=')) index += 1;
  }
  return kept;
}

export function workerExecArgv(options: Pick<ResolvedPoolOptions, 'execArgv' | 'limits'>): string[] {
  const argv = options.execArgv === undefined ? inheritedExecArgv(process.execArgv) : [...options.execArgv];
  if (options.limits.heapMb !== undefined) argv.push(`--max-old-space-size=${options.limits.heapMb}`);
  return argv;
}
