/**
 * Boots that fail for a reason which cannot change by itself: a module that is not there, a language that this Node does not
 * know, a missing dependency, a wrong option of Node. Waiting and trying again would only hide the word that helps.
 *
 * What a module or a hook throws by itself is none of these: the server that it asks may be up in a second.
 */
import { fileURLToPath } from 'node:url';
import type { Death } from '../../shared/types.js';
import { deniedText, isLastingSpawnError, spawnErrorText } from '../../supervisor/lifecycle/spawn-error.js';

export interface SetupMistake {
  /** What is wrong, and in which file. */
  readonly reason: string;
  /** A sentence, or nothing. */
  readonly remedy: string;
}

interface Told {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly stack: string;
  readonly error: object;
}

/** Of Node's loader, beside those with a remedy of their own. */
const OF_THE_LOADER =
  /^ERR_(MODULE_NOT_FOUND|UNKNOWN_(FILE_EXTENSION|MODULE_FORMAT|BUILTIN_MODULE)|UNSUPPORTED_(DIR_IMPORT|ESM_URL_SCHEME|TYPESCRIPT_SYNTAX|NODE_MODULES_TYPE_STRIPPING)|INVALID_(TYPESCRIPT_SYNTAX|PACKAGE_CONFIG|PACKAGE_TARGET|MODULE_SPECIFIER|FILE_URL_PATH|FILE_URL_HOST)|NO_TYPESCRIPT|PACKAGE_(PATH_NOT_EXPORTED|IMPORT_NOT_DEFINED)|IMPORT_\w+|REQUIRE_(ESM|ASYNC_MODULE|CYCLE_MODULE)|AMBIGUOUS_MODULE_SYNTAX|NETWORK_IMPORT_DISALLOWED|DLOPEN_FAILED|ACCESS_DENIED|EVERPOOL_NESTED)$|^MODULE_NOT_FOUND$/;

/** Undefined if it is none. `error` is what the boot threw, or the system when it could not start the process. */
export function setupMistake(death: Death, error: unknown, module: string | undefined): SetupMistake | undefined {
  if (death.requested) return undefined;
  if (death.phase !== 'boot') return nestedLater(death);
  if (death.cause === 'spawn') return spawnMistake(error);
  if (death.cause !== 'exit') return undefined;
  if (death.exitCode === 9) return optionMistake(death);
  const told = error === undefined ? fromStderr(death.stderrTail) : fromError(error);
  if (told === undefined || !isLasting(told)) return undefined;
  const origin = told.name === 'SyntaxError' ? originOf(death.stderrTail, told.stack) : undefined;
  const file = module === undefined ? '' : `${pathOf(module)}: `;
  const where = origin === undefined ? '' : ` (in ${pathOf(origin)})`;
  const code = told.code === '' || told.message.includes(told.code) ? '' : ` [${told.code}]`;
  return { reason: `${file}${told.name}${code}: ${told.message}${where}`, remedy: remedyFor(told, module) };
}

/** It was ready already when it made a pool of its own kind: behind an `await`, in a timer. */
function nestedLater({ phase, cause, stderrTail }: Death): SetupMistake | undefined {
  const told = phase === 'idle' && cause === 'exit' ? fromStderr(stderrTail) : undefined;
  return told?.code === 'ERR_EVERPOOL_NESTED' ? { reason: told.message, remedy: '' } : undefined;
}

function spawnMistake(error: unknown): SetupMistake | undefined {
  if (!(error instanceof Error) || !isLastingSpawnError(error)) return undefined;
  return { reason: `no process could be started: ${spawnErrorText(error)}`, remedy: 'Nothing of this changes by itself.' };
}

/** Node's exit code for options that it does not know, or that are not allowed where they stand. */
function optionMistake({ stderrTail }: Death): SetupMistake | undefined {
  const line = stderrTail
    .split('\n')
    .find((text) => /bad option|is not allowed in NODE_OPTIONS|requires an argument|must be|cannot be/.test(text));
  if (line === undefined) return undefined;
  return {
    reason: line.trim(),
    remedy: "Correct Node's options: the workers have those of execArgv, or else of this process, and NODE_OPTIONS.",
  };
}

function fromError(error: unknown): Told | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, code, message, stack } = error as Record<string, unknown>;
  return { name: textOf(name) || 'Error', code: textOf(code), message: textOf(message), stack: textOf(stack), error };
}

/** Of a process that died before it could say more: what Node wrote of the uncaught error, in a module that it preloads or that is CommonJS. */
function fromStderr(tail: string): Told | undefined {
  const match = /^(?:Uncaught )?(\w*Error)(?: \[(\w+)\])?: (.*)$/m.exec(tail);
  if (match === null) return undefined;
  const [, name = '', inName = '', message = ''] = match;
  const code = inName || (/^\s+code: '(\w+)'/m.exec(tail)?.[1] ?? '');
  const field = (key: string): string => new RegExp(`^\\s+${key}: '(.*?)',?$`, 'm').exec(tail)?.[1] ?? '';
  const error = { permission: field('permission'), resource: field('resource') };
  return { name, code, message, stack: tail.slice(match.index), error };
}

function isLasting({ name, code, message, stack }: Told): boolean {
  if (OF_THE_LOADER.test(code)) return true;
  if (name === 'TransformError') return true; // esbuild's, in tsx
  if (name === 'ReferenceError') return /in ES module scope/.test(message); // CommonJS in a module that is none
  // Of the text of a module, not of what it parses.
  return name === 'SyntaxError' && /^\s+at (?:async )?[^\n]*node:internal\/modules\//.test(framesOf(stack));
}

/** From the first frame on that is not the parser's own. */
function framesOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  if (/^\s+at parse \(<anonymous>\)/.test(frames[0] ?? '')) frames.shift(); // of a JSON module
  return frames.join('\n');
}

/** Node writes where a module cannot be parsed before the error: `file:///app/tasks.js:3`. */
function originOf(...texts: string[]): string | undefined {
  for (const text of texts) {
    const match = /^((?:file:\/\/|\/|[A-Z]:\\).*):\d+$/m.exec(text);
    if (match !== null) return match[0];
  }
  return undefined;
}

function remedyFor({ name, code, message, error }: Told, module: string | undefined): string {
  const typescript = `Run the workers with execArgv: ['--import', 'tsx']`;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[mc]?tsx?"/.test(message))
    return `${typescript}, or use Node >= 22.18, which knows TypeScript (this is ${process.version}).`;
  if (/TYPESCRIPT|TYPE_STRIPPING/.test(code)) return `${typescript}: Node itself only strips types.`;
  if (code === 'ERR_EVERPOOL_NESTED') return ''; // the message says it
  if (code === 'ERR_ACCESS_DENIED')
    return `In the worker, ${deniedText(error)}; the option permission allows it with fsRead, fsWrite and the like.`;
  if (code === 'ERR_DLOPEN_FAILED') return 'Build it again for this Node: npm rebuild.';
  if (/NOT_FOUND/.test(code)) {
    const own = module === undefined ? undefined : pathOf(module);
    if (own !== undefined && message.includes(`'${own}'`) && !message.includes(`from ${own}`))
      return "Correct the option module: it names no file. In an ES module, new URL('./tasks.js', import.meta.url) is relative to the file in which it stands.";
    return 'Install it, or correct the import.';
  }
  if (name === 'SyntaxError' || name === 'TransformError') return 'Correct the file.';
  return 'Correct it.';
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function pathOf(module: string): string {
  if (!module.startsWith('file:')) return module;
  try {
    return fileURLToPath(module);
  } catch {
    return module;
  }
}
