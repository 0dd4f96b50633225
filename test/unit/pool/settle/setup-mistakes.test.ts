/** Which failed boots cannot succeed later, and what is said of them. */
import { describe, expect, test } from 'vitest';
import { setupMistake } from '../../../../src/pool/settle/setup-mistakes.js';
import { buildDeath, type DeathFacts } from '../../../../src/supervisor/lifecycle/death.js';

const MODULE = 'file:///app/tasks.js';
const facts: DeathFacts = { phase: 'boot', requested: false, pid: 4711, exitCode: 1, signal: null, uptimeMs: 12, stderrTail: '' };
const OF_THE_LOADER = '\n    at finalizeResolution (node:internal/modules/esm/resolve:275:11)';

function thrown(error: Error, fields: object = {}, more: Partial<DeathFacts> = {}) {
  if (!error.stack?.includes('node:internal/modules')) error.stack = `${error.name}: ${error.message}\n    at file:///app/tasks.js:3:7`;
  return setupMistake(buildDeath({ ...facts, ...more }), Object.assign(error, fields), MODULE);
}

function withStack(error: Error, frame: string): Error {
  error.stack = `${error.name}: ${error.message}\n    at ${frame}`;
  return error;
}

function printed(stderrTail: string, exitCode = 1) {
  return setupMistake(buildDeath({ ...facts, stderrTail, exitCode }), undefined, MODULE);
}

describe('mistakes in the set-up', () => {
  test('a missing module: the remedy names the option', () => {
    const error = new Error("Cannot find module '/app/tasks.js' imported from /x/everpool/dist/worker/entry.js");
    const mistake = thrown(error, { code: 'ERR_MODULE_NOT_FOUND' });
    expect(mistake?.reason).toContain('/app/tasks.js');
    expect(mistake?.remedy).toMatch(/option module/);
  });

  test('a missing dependency: the error names it and its importer', () => {
    const mistake = thrown(new Error("Cannot find package 'left-pad' imported from /app/lib.js"), { code: 'ERR_MODULE_NOT_FOUND' });
    expect(mistake?.reason).toMatch(/^\/app\/tasks\.js: .*'left-pad' imported from \/app\/lib\.js/);
    expect(mistake?.remedy).toMatch(/Install it/);
  });

  test.each(['.ts', '.mts', '.cts', '.tsx'])('%s where Node knows no TypeScript: the remedy is a loader, or a newer Node', (extension) => {
    const error = new TypeError(`Unknown file extension "${extension}" for /app/tasks${extension}`);
    expect(thrown(error, { code: 'ERR_UNKNOWN_FILE_EXTENSION' })?.remedy).toMatch(/execArgv: \['--import', 'tsx'\].*Node >= 22\.18/);
  });

  test('TypeScript that Node cannot strip', () => {
    const error = new SyntaxError('TypeScript enum is not supported in strip-only mode');
    expect(thrown(error, { code: 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' })?.remedy).toMatch(/execArgv: \['--import', 'tsx'\]/);
  });

  test('a module that cannot be parsed: Node wrote the name of the file', () => {
    const error = withStack(new SyntaxError("Unexpected token ';'"), 'compileSourceTextModule (node:internal/modules/esm/utils:346:16)');
    const stderrTail = "file:///app/lib.js:3\nexport const a = ;\n                 ^\n\nSyntaxError: Unexpected token ';'";
    expect(thrown(error, {}, { stderrTail })?.reason).toBe("/app/tasks.js: SyntaxError: Unexpected token ';' (in /app/lib.js:3)");
  });

  test.each([
    ['JSON.parse (<anonymous>)\n    at file:///app/tasks.js:1:6'],
    ['new Function (<anonymous>)\n    at file:///app/tasks.js:1:6'],
    ['parseJSONFromBytes (node:internal/deps/undici/undici:5738:19)'],
  ])('a syntax error in text that the module itself parses is not a mistake in the set-up: %s', (frame) => {
    expect(thrown(withStack(new SyntaxError('Unexpected token < in JSON'), frame))).toBeUndefined();
  });

  test.each([
    ['what a module throws', new Error('no database'), {}],
    ['a system error of its own', new Error('ENOENT: no such file'), { code: 'ENOENT', path: '/app/config.json' }],
    ['a refused connection', new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }],
    ['a type error', new TypeError('x is not a function'), {}],
  ])('%s may not happen again', (_, error, fields) => {
    expect(thrown(error, fields)).toBeUndefined();
  });

  test('only in the boot, and only a death by itself', () => {
    const missing = { code: 'ERR_MODULE_NOT_FOUND' };
    const error = () => new Error(`Cannot find module '/app/tasks.js' imported from x${OF_THE_LOADER}`);
    expect(thrown(error(), missing)).toBeDefined();
    expect(thrown(error(), missing, { phase: 'idle' })).toBeUndefined();
    expect(thrown(error(), missing, { requested: true })).toBeUndefined();
    expect(thrown(error(), missing, { signal: 'SIGKILL', exitCode: null })).toBeUndefined();
    expect(thrown(error(), missing, { fault: 'boot-timeout' })).toBeUndefined();
  });

  test('what Node writes before the worker can report counts too: a preload, an option', () => {
    const tail =
      "node:internal/modules/esm/resolve:873\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'tsx' imported from /app/\n    at x";
    expect(printed(tail)).toMatchObject({ remedy: 'Install it, or correct the import.' });
    expect(printed('node: bad option: --no-such', 9)?.reason).toBe('node: bad option: --no-such');
    expect(printed('Error: no database\n    at file:///app/setup.js:1:1')).toBeUndefined();
    expect(printed('')).toBeUndefined();
  });

  test.each([
    ['ENOENT', true, /cwd does not exist/],
    ['E2BIG', true, /exceed the system's limit/],
    ['EPERM', true, /uid and gid/],
    ['EAGAIN', false, /ulimit -u/],
    ['EMFILE', false, /ulimit -n/],
    ['ENOSPC', false, /\/dev\/shm/],
  ])('a spawn that fails with %s: hopeless %s', (code, isHopeless, hint) => {
    const error = Object.assign(new Error(`spawn node ${code}`), { code });
    const death = buildDeath({ ...facts, pid: undefined, exitCode: null, spawnError: error });
    expect(setupMistake(death, error, MODULE) !== undefined).toBe(isHopeless);
    expect(death.detail).toMatch(hint);
  });

  test.each([
    ['ChildProcess', '/usr/bin/node', /ChildProcess.*--allow-child-process/],
    ['FileSystemWrite', '/tmp/everpool-12-abc3', /FileSystemWrite.*\/tmp\/everpool-12-abc3.*--allow-fs-write=\/tmp\/\*.*\/dev\/shm/],
    ['FileSystemRead', '/app/x', /FileSystemRead.*--allow-fs-read=\/app\/x/],
  ])("Node's permission model: %s of %s", (permission, resource, words) => {
    const error = Object.assign(new Error('Access to this API has been restricted'), { code: 'ERR_ACCESS_DENIED', permission, resource });
    const death = buildDeath({ ...facts, pid: undefined, exitCode: null, spawnError: error });
    expect(setupMistake(death, error, MODULE)?.reason).toMatch(words);
  });
});
