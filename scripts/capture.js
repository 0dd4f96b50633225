/**
 * Makes dist/ safe from programs that replace globals or the methods of built-in objects (fake
 * timers, mocks, polyfills, hostile tasks): the code takes them when it is imported.
 *
 * The source is plain TypeScript. This script rewrites each file, with the types that the compiler
 * knows:
 *
 * - a global is taken at the import: `setTimeout(…)`, `new Map()`, `Object.keys(…)`;
 * - a method of a built-in object becomes a function: `Array$push(list, x)` for `list.push(x)`;
 * - iteration looks up no iterator: `for … of`, `[...list]`, `const [a, b] = list`, `new Map(list)`;
 * - functions of Node's modules are copied at the import: `fs.writeSync = …` changes the module.
 *
 * `tsc` then emits the result without checks. All that was captured is in dist/shared/captured.js.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';
import { API } from 'typescript/unstable/sync';
import { Captured } from './capture/captured.js';
import { Facts } from './capture/facts.js';
import { PACKAGES, rewrite } from './capture/rewrite.js';
import { licenseOf, packagesIn } from './third-party.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, '.build');
/** The methods that the packages call on untyped values. No method of theirs has such a name. */
const UNTYPED = new Map([
  ['push', 'Array'],
  ['call', 'Function'],
  ['apply', 'Function'],
]);
/** The command is a program of its own, in which nothing is replaced. */
const isLeftAlone = (file) => file.startsWith('cli/');

const captured = new Captured();
const refusals = [];
rmSync(build, { recursive: true, force: true });
write('shared/packages.js', await bundlePackages());

const api = new API({ cwd: root });
go(join(root, 'tsconfig.build.json'), join(root, 'src'));
go(writeConfig('packages.json', { checkJs: true }, ['src/shared/packages.js']), join(build, 'src'), UNTYPED);
api.close();
if (refusals.length > 0)
  throw new Error(
    `These lines use what a program may replace, in a form that cannot be captured. Write them otherwise:\n${refusals.join('\n')}`,
  );

write('shared/captured.js', `${readFileSync(new URL('capture/runtime.js', import.meta.url), 'utf8')}\n${captured.code()}`);
const config = writeConfig('tsconfig.json', { noCheck: true, outDir: '../dist' }, ['src']);
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], { stdio: 'inherit' });
rmSync(build, { recursive: true });

/** Rewrites the files of a project that lie below `base`. */
function go(config, base, untyped = new Map()) {
  const project = api.updateSnapshot({ openProject: config }).getProject(config);
  for (const path of project.program.getSourceFileNames()) {
    const file = relative(base, path).replaceAll('\\', '/');
    if (file.startsWith('..')) continue;
    const source = project.program.getSourceFile(path);
    const facts = new Facts(source, project.checker, untyped);
    write(file, isLeftAlone(file) ? source.text : rewrite(source, facts, captured, file, refusals));
  }
}

/** The packages that the pool uses look globals up too, so they become a module of the project. */
async function bundlePackages() {
  const { outputFiles } = await bundle({
    stdin: { contents: Object.values(PACKAGES).join('\n'), resolveDir: root },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
  });
  const [{ text }] = outputFiles;
  return `/*\n${packagesIn(text).map(licenseOf).join('\n\n')}\n*/\n${text}`;
}

function writeConfig(name, options, include) {
  const path = join(build, name);
  const compilerOptions = { allowJs: true, rootDir: 'src', declaration: false, ...options };
  writeFileSync(path, JSON.stringify({ extends: '../tsconfig.base.json', compilerOptions, include }));
  return path;
}

function write(file, text) {
  const path = join(build, 'src', file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
