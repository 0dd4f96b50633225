/**
 * Makes what is built safe from programs that replace the globals of their process, and the methods of built-in objects
 * (fake timers, mocks, polyfills, tasks that are up to no good): the code of dist/ takes them when it is imported.
 *
 * The source is plain TypeScript. Here each of its files is gone through with the types that the compiler knows, and
 *
 * - a global is named by what it was at the import: `setTimeout(…)`, `new Map()`, `Object.keys(…)`;
 * - a method of a built-in object is called as a function: `list.push(x)` becomes `Array$push(list, x)`;
 * - what looks up an iterator does not: `for … of`, `[...list]`, `const [a, b] = list`, `new Map(entries)`;
 * - functions of Node's modules are kept as they were imported: `fs.writeSync = …` changes the module.
 *
 * The result goes through `tsc` once more, without checks. All that was captured is in dist/shared/captured.js.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { API } from 'typescript/unstable/sync';
import { Captured } from './capture/captured.js';
import { Facts } from './capture/facts.js';
import { rewrite } from './capture/rewrite.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, '.build');
/** The command is a program of its own: nothing in its process is replaced. */
const isLeftAlone = (file) => file.startsWith(`cli/`);

const api = new API({ cwd: root });
const [project] = api.updateSnapshot({ openProject: join(root, 'tsconfig.build.json') }).getProjects();
const captured = new Captured();
const refusals = [];
rmSync(build, { recursive: true, force: true });
for (const path of project.program.getSourceFileNames()) {
  const file = relative(join(root, 'src'), path);
  if (file.startsWith('..')) continue;
  const source = project.program.getSourceFile(path);
  const text = isLeftAlone(file) ? source.text : rewrite(source, new Facts(source, project.checker), captured, file, refusals);
  write(file, text);
}
api.close();
if (refusals.length > 0)
  throw new Error(`What a program might replace cannot be captured here; write it otherwise:\n${refusals.join('\n')}`);

write('shared/captured.js', `${readFileSync(new URL('capture/runtime.js', import.meta.url), 'utf8')}\n${captured.code()}`);
writeFileSync(
  join(build, 'tsconfig.json'),
  JSON.stringify({
    extends: '../tsconfig.base.json',
    compilerOptions: { noCheck: true, allowJs: true, rootDir: 'src', outDir: '../dist', declaration: false },
    include: ['src'],
  }),
);
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(build, 'tsconfig.json')], { stdio: 'inherit' });
if (!process.argv.includes('--keep')) rmSync(build, { recursive: true });

function write(file, text) {
  const path = join(build, 'src', file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
