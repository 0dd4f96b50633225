/**
 * Precedes entry.ts in the source text with which a bundled program starts its workers. It undoes
 * what `node -e` does to a process, so that task modules find the same globals and arguments as in
 * a worker that starts from a file.
 */
const { builtinModules } = process.getBuiltinModule('node:module');

/** Built-in modules whose names are also globals. */
const GLOBALS: readonly string[] = ['console', 'crypto', 'process'];

for (const name of builtinModules) if (!GLOBALS.includes(name)) Reflect.deleteProperty(globalThis, name);
for (const name of ['module', 'exports', 'require', '__filename', '__dirname']) Reflect.deleteProperty(globalThis, name);
// Node 20 adds one more when this script has ended, before any message arrives.
process.nextTick(() => Reflect.deleteProperty(globalThis, 'module'));
Reflect.deleteProperty(process, '_eval');
// With `node -e` this global is the module of that name, not the Web Crypto API.
Object.defineProperty(globalThis, 'crypto', {
  get: () => process.getBuiltinModule('node:crypto').webcrypto,
  enumerable: true,
  configurable: true,
});

// Child processes that a task forks would inherit it.
const evaluated = process.execArgv.lastIndexOf('-e');
if (evaluated >= 0) process.execArgv.splice(evaluated);
process.argv.splice(1, 0, '/everpool/worker/entry.js');
