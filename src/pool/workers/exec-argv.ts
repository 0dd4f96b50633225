/**
 * The Node options of the workers: inherited from this process or given by `execArgv`, plus those
 * for `limits`, `diagnose` and `permission`.
 */
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ResolvedPermission } from '../options/option-groups.js';
import type { ResolvedPoolOptions } from '../options/pool-options.js';
import { preloadsOf } from './recursion.js';

/**
 * Options of the parent that would debug, watch, test or evaluate in each worker. `takesValue`: the
 * next argument may be the value.
 */
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

/**
 * `own`: the folder of this package's worker code, unless the workers get the code as an argument.
 */
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

/**
 * The flags of Node's permission model, whose name and reach depend on the version. Allows what a
 * worker needs to start.
 */
function permissionArgv(permission: ResolvedPermission, needed: readonly (string | undefined)[]): string[] {
  // Typed like this because it has its own `has`, which the build must not replace by that of Set.
  const flags: { has(flag: string): boolean } = process.allowedNodeEnvironmentFlags;
  const knows = (flag: string): boolean => flags.has(flag);
  const argv = [knows('--permission') ? '--permission' : '--experimental-permission'];
  // Node 20 aborts if a path is given twice.
  for (const path of new Set([...needed.flatMap(pathOf), ...permission.fsRead])) argv.push(`--allow-fs-read=${path}`);
  for (const path of new Set(permission.fsWrite)) argv.push(`--allow-fs-write=${path}`);
  if (permission.childProcess) argv.push('--allow-child-process');
  if (permission.workerThreads) argv.push('--allow-worker');
  if (permission.addons && knows('--allow-addons')) argv.push('--allow-addons');
  if (permission.net && knows('--allow-net')) argv.push('--allow-net');
  return argv;
}

/** The package.json files that Node reads to find the type of the module. */
function packagesAbove(module: string | undefined): string[] {
  const list: string[] = [];
  if (!module?.startsWith('file:')) return list;
  for (let folder = dirname(fileURLToPath(module)); ; folder = dirname(folder)) {
    list.push(join(folder, 'package.json'));
    if (folder === dirname(folder)) return list;
  }
}

/** The path of a module given by a path or a file: URL. Only Node knows where a package is. */
function pathOf(module: string | undefined): string[] {
  if (module?.startsWith('file:')) return [fileURLToPath(module)];
  return module !== undefined && isAbsolute(module) ? [module] : [];
}
