/** The declarations in the tarball, compiled with all else that a program compiles: skipLibCheck is off. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { node, packageFile } from '../kit.js';

const here = import.meta.dirname;
const base = { strict: true, noEmit: true, skipLibCheck: false, target: 'es2022', lib: ['es2022'], types: ['node'] };
const browser = { lib: ['es2022', 'dom'] };
const nodenext = { module: 'nodenext' };
const bundler = { module: 'esnext', moduleResolution: 'bundler' };
const strictest = {
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
};

/** A project of its own, with the packages that the compiler is to see. */
function project(name, compilerOptions, typesNode) {
  const folder = join(here, name);
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  for (const file of ['consumer.ts', 'tasks.ts']) cpSync(join(here, file), join(folder, file));
  cpSync(packageFile('everpool'), join(folder, 'node_modules/everpool'), { recursive: true });
  symlinkSync(packageFile(typesNode), join(folder, 'node_modules/@types/node'));
  symlinkSync(packageFile('undici-types'), join(folder, 'node_modules/undici-types'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...base, ...compilerOptions }, include: ['*.ts'] }));
  return folder;
}

const CASES = [
  ['typescript-5.0', 'nodenext', nodenext, '@types/node'],
  ['typescript', 'nodenext', { ...nodenext, ...strictest }, '@types/node'],
  ['typescript', 'a bundler', { ...bundler, esModuleInterop: false }, 'newest-types-node'],
  ['typescript-6', 'nodenext', { ...nodenext, ...strictest }, 'newest-types-node'],
  ['typescript-6', 'a bundler', bundler, '@types/node'],
  ['typescript-7', 'nodenext', { ...nodenext, ...browser }, '@types/node'],
  ['typescript-7', 'a bundler', { ...bundler, ...strictest }, 'newest-types-node'],
];

for (const [index, [compiler, title, options, typesNode]] of CASES.entries()) {
  const { version } = JSON.parse(readFileSync(packageFile(compiler, 'package.json'), 'utf8'));
  const types = JSON.parse(readFileSync(packageFile(typesNode, 'package.json'), 'utf8'));
  test(`TypeScript ${version}, resolved as by ${title}, beside @types/node ${types.version}`, async () => {
    const folder = project(`case-${index}`, options, typesNode);
    assert.deepEqual(await node(folder, [packageFile(compiler, 'bin/tsc'), '-p', '.']), { code: 0, stdout: '', stderr: '' });
  });
}
