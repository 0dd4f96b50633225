/**
 * Comes before entry.ts in the text that a bundled program starts its workers with. It takes back what `node -e` does
 * to a process, so that task modules find the same globals and arguments as beside a file.
 */
const { builtinModules } = process.getBuiltinModule('node:module');

/** Built-in modules whose names are globals of their own. */
const GLOBALS: readonly string[] = ['console', 'crypto', 'process'];

for (const name of builtinModules) if (!GLOBALS.includes(name)) Reflect.deleteProperty(globalThis, name);
for (const name of ['module', 'exports', 'require', '__filename', '__dirname']) Reflect.deleteProperty(globalThis, name);
// Node 20 puts one more there when this script has ended, and before anything arrives.
process.nextTick(() => Reflect.deleteProperty(globalThis, 'module'));
Reflect.deleteProperty(process, '_eval');
// Beside a file it is what browsers have; here it is the module of that name.
Object.defineProperty(globalThis, 'crypto', {
  get: () => process.getBuiltinModule('node:crypto').webcrypto,
  enumerable: true,
  configurable: true,
});

// Child processes that a task forks inherit it.
const evaluated = process.execArgv.lastIndexOf('-e');
if (evaluated >= 0) process.execArgv.splice(evaluated);
process.argv.splice(1, 0, '/everpool/worker/entry.js');
