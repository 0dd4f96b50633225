/** Node's own options for the workers. */
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResolvedPermission } from '../options/option-groups.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';
import { preloadsOf } from './recursion.js';

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

/** `own`: the folder of what the workers run of this package, unless they get it as an argument. */
export function workerExecArgv(
  options: Pick<ResolvedPoolOptions, 'execArgv' | 'limits' | 'diagnose' | 'permission' | 'module'>,
  own: string | undefined,
): string[] {
  const argv = options.execArgv === undefined ? inheritedExecArgv(process.execArgv) : [...options.execArgv];
  if (options.limits.heapMb !== undefined) argv.push(`--max-old-space-size=${options.limits.heapMb}`);
  if (options.diagnose) argv.push('--inspect-port=127.0.0.1:0');
  if (options.permission !== undefined)
    argv.push(
      ...permissionArgv(options.permission, [
        ...(own === undefined ? [] : [join(own, '*'), join(dirname(own), 'package.json')]),
        options.module,
        ...packagesAbove(options.module),
        ...preloadsOf(argv),
      ]),
    );
  return argv;
}

/** Node's permission model; its name and its reach depend on the version. What the workers need to start is allowed. */
function permissionArgv(permission: ResolvedPermission, needed: readonly (string | undefined)[]): string[] {
  // Of this type, as it is no plain Set: it has a `has` of its own, which the build must not replace by that of Set.
  const flags: { has(flag: string): boolean } = process.allowedNodeEnvironmentFlags;
  const knows = (flag: string): boolean => flags.has(flag);
  const argv = [knows('--permission') ? '--permission' : '--experimental-permission'];
  // Node 20 aborts when it is given a path twice.
  for (const path of new Set([...needed.flatMap(pathOf), ...permission.fsRead])) argv.push(`--allow-fs-read=${path}`);
  for (const path of new Set(permission.fsWrite)) argv.push(`--allow-fs-write=${path}`);
  if (permission.childProcess) argv.push('--allow-child-process');
  if (permission.workerThreads) argv.push('--allow-worker');
  if (permission.addons && knows('--allow-addons')) argv.push('--allow-addons');
  if (permission.net && knows('--allow-net')) argv.push('--allow-net');
  return argv;
}

/** Node looks into these to learn what kind of module it is. */
function packagesAbove(module: string | undefined): string[] {
  const list: string[] = [];
  if (!module?.startsWith('file:')) return list;
  for (let folder = dirname(fileURLToPath(module)); ; folder = dirname(folder)) {
    list.push(join(folder, 'package.json'));
    if (folder === dirname(folder)) return list;
  }
}

/** Of what is named by a path or a file: URL; a package is found by Node, where only Node knows. */
function pathOf(module: string | undefined): string[] {
  if (module?.startsWith('file:')) return [fileURLToPath(module)];
  return module !== undefined && isAbsolute(module) ? [module] : [];
}
