/**
 * Recognises boots that fail for a reason that only the user can fix: a missing module or
 * dependency, a language that this Node cannot load, a wrong option of Node. Retries would only
 * hide the helpful message.
 *
 * An error that a module or a hook throws itself is not such a mistake: the server that it needs
 * may be up in a second.
 */
import { fileURLToPath } from 'node:url';
import type { Death } from '../../shared/types.js';
import { deniedText, isLastingSpawnError, spawnErrorText } from '../../supervisor/lifecycle/spawn-error.js';

export interface SetupMistake {
  /** The mistake and its file. */
  readonly reason: string;
  /** A sentence, or an empty string. */
  readonly remedy: string;
}

interface ReportedError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly stack: string;
  readonly error: object;
}

/** Codes of Node's loader, besides those with their own remedy. */
const OF_THE_LOADER =
  /^ERR_(MODULE_NOT_FOUND|UNKNOWN_(FILE_EXTENSION|MODULE_FORMAT|BUILTIN_MODULE)|UNSUPPORTED_(DIR_IMPORT|ESM_URL_SCHEME|TYPESCRIPT_SYNTAX|NODE_MODULES_TYPE_STRIPPING)|INVALID_(TYPESCRIPT_SYNTAX|PACKAGE_CONFIG|PACKAGE_TARGET|MODULE_SPECIFIER|FILE_URL_PATH|FILE_URL_HOST)|NO_TYPESCRIPT|PACKAGE_(PATH_NOT_EXPORTED|IMPORT_NOT_DEFINED)|IMPORT_\w+|REQUIRE_(ESM|ASYNC_MODULE|CYCLE_MODULE)|AMBIGUOUS_MODULE_SYNTAX|NETWORK_IMPORT_DISALLOWED|DLOPEN_FAILED|ACCESS_DENIED|EVERPOOL_NESTED)$|^MODULE_NOT_FOUND$/;

/**
 * Returns undefined if the death is not such a mistake. `error`: thrown by the boot, or by the
 * system when it could not start the process.
 */
export function setupMistake(death: Death, error: unknown, module: string | undefined): SetupMistake | undefined {
  if (death.requested) return undefined;
  if (death.phase !== 'boot') return nestedLater(death);
  if (death.cause === 'spawn') return spawnMistake(error);
  if (death.cause !== 'exit') return undefined;
  if (death.exitCode === 9) return optionMistake(death);
  const reported = error === undefined ? fromStderr(death.stderrTail) : fromError(error);
  if (reported === undefined || !isLasting(reported)) return undefined;
  const origin = reported.name === 'SyntaxError' ? originOf(death.stderrTail, reported.stack) : undefined;
  const file = module === undefined ? '' : `${pathOf(module)}: `;
  const where = origin === undefined ? '' : ` (in ${pathOf(origin)})`;
  const code = reported.code === '' || reported.message.includes(reported.code) ? '' : ` [${reported.code}]`;
  return { reason: `${file}${reported.name}${code}: ${reported.message}${where}`, remedy: remedyFor(reported, module) };
}

/**
 * The worker was already ready when it created a pool like its own: after an `await`, or in a
 * timer.
 */
function nestedLater({ phase, cause, stderrTail }: Death): SetupMistake | undefined {
  const reported = phase === 'idle' && cause === 'exit' ? fromStderr(stderrTail) : undefined;
  return reported?.code === 'ERR_EVERPOOL_NESTED' ? { reason: reported.message, remedy: '' } : undefined;
}

function spawnMistake(error: unknown): SetupMistake | undefined {
  if (!(error instanceof Error) || !isLastingSpawnError(error)) return undefined;
  return { reason: `no process could be started: ${spawnErrorText(error)}`, remedy: 'Retrying cannot fix this.' };
}

/** The worker left with Node's exit code for options that are unknown or not allowed there. */
function optionMistake({ stderrTail }: Death): SetupMistake | undefined {
  const line = stderrTail
    .split('\n')
    .find((text) => /bad option|is not allowed in NODE_OPTIONS|requires an argument|must be|cannot be/.test(text));
  if (line === undefined) return undefined;
  return {
    reason: line.trim(),
    remedy: "Correct Node's options: workers use execArgv (default: the options of this process) and NODE_OPTIONS.",
  };
}

function fromError(error: unknown): ReportedError | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { name, code, message, stack } = error as Record<string, unknown>;
  return { name: textOf(name) || 'Error', code: textOf(code), message: textOf(message), stack: textOf(stack), error };
}

/**
 * Parses the uncaught error that Node wrote to stderr: a preload or a CommonJS module can end the
 * process before it can send anything.
 */
function fromStderr(tail: string): ReportedError | undefined {
  const match = /^(?:Uncaught )?(\w*Error)(?: \[(\w+)\])?: (.*)$/m.exec(tail);
  if (match === null) return undefined;
  const [, name = '', inName = '', message = ''] = match;
  const code = inName || (/^\s+code: '(\w+)'/m.exec(tail)?.[1] ?? '');
  const field = (key: string): string => new RegExp(`^\\s+${key}: '(.*?)',?$`, 'm').exec(tail)?.[1] ?? '';
  const error = { permission: field('permission'), resource: field('resource') };
  return { name, code, message, stack: tail.slice(match.index), error };
}

function isLasting({ name, code, message, stack }: ReportedError): boolean {
  if (OF_THE_LOADER.test(code)) return true;
  if (name === 'TransformError') return true; // esbuild's, in tsx
  if (name === 'ReferenceError') return /in ES module scope/.test(message); // CommonJS code
  // From the text of a module, not from text that the module parses.
  return name === 'SyntaxError' && /^\s+at (?:async )?[^\n]*node:internal\/modules\//.test(framesOf(stack));
}

/** The frames of a stack, without `JSON.parse` as the first. */
function framesOf(stack: string): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line));
  if (/^\s+at parse \(<anonymous>\)/.test(frames[0] ?? '')) frames.shift(); // a JSON module
  return frames.join('\n');
}

/** The place of a syntax error, which Node writes before the error: `file:///app/tasks.js:3`. */
function originOf(...texts: string[]): string | undefined {
  for (const text of texts) {
    const match = /^((?:file:\/\/|\/|[A-Z]:\\).*):\d+$/m.exec(text);
    if (match !== null) return match[0];
  }
  return undefined;
}

function remedyFor({ name, code, message, error }: ReportedError, module: string | undefined): string {
  const typescript = `Run the workers with execArgv: ['--import', 'tsx']`;
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[mc]?tsx?"/.test(message))
    return `${typescript}, or use Node >= 22.18, which runs TypeScript itself (this is ${process.version}).`;
  if (/TYPESCRIPT|TYPE_STRIPPING/.test(code)) return `${typescript}: Node itself only strips types.`;
  if (code === 'ERR_EVERPOOL_NESTED') return ''; // the message says it
  if (code === 'ERR_ACCESS_DENIED') return `In the worker, ${deniedText(error)}; allow it with the option permission (fsRead, fsWrite …).`;
  if (code === 'ERR_DLOPEN_FAILED') return 'Rebuild it for this version of Node: npm rebuild.';
  if (/NOT_FOUND/.test(code)) {
    const own = module === undefined ? undefined : pathOf(module);
    if (own !== undefined && message.includes(`'${own}'`) && !message.includes(`from ${own}`))
      return "Correct the option module: there is no such file. In an ES module, new URL('./tasks.js', import.meta.url) is relative to that module's file.";
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
