/**
 * Writes the declarations of the package: one file for each public entry point, with the public
 * names, the types they need, and nothing else. Reads what `tsc -p tsconfig.build.json` emitted,
 * one file for each file of src/.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SyntaxKind } from 'typescript/unstable/ast';
import * as is from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';

/** Each imports what it shares with an entry point before it from there. */
const ENTRIES = ['index', 'worker/index', 'testing/index', 'cluster/index'];
const EXPORT = /^export (?=declare |abstract |interface |type )/;

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, '.build');
const emitted = join(build, 'types');
const dist = join(root, 'dist');

/** One emitted file: its declarations, its imports, and what it exports of other files. */
class Module {
  /** Name → the statements that declare it. */
  declarations = new Map();
  /** Name → the file it comes from. */
  imports = new Map();
  /**
   * The exports, in order: { name, file, isType }. Without `file`, of this file; without `name`, all
   * names of that file.
   */
  exports = [];

  constructor(path, source) {
    this.path = path;
    this.source = source;
    for (const statement of source.statements) {
      if (is.isImportDeclaration(statement)) this.#import(statement);
      else if (is.isExportDeclaration(statement)) this.#export(statement);
      else this.#declare(statement);
    }
  }

  #import({ importClause, moduleSpecifier }) {
    if (importClause?.namedBindings === undefined || importClause.name !== undefined || !is.isNamedImports(importClause.namedBindings))
      throw new Error(`${this.path}: only named imports can be followed`);
    for (const { name, propertyName } of importClause.namedBindings.elements) {
      if (propertyName !== undefined) throw new Error(`${this.path}: ${propertyName.text} is imported under another name`);
      this.imports.set(name.text, this.#target(moduleSpecifier));
    }
  }

  #export({ exportClause, moduleSpecifier, isTypeOnly }) {
    const file = moduleSpecifier === undefined ? undefined : this.#target(moduleSpecifier);
    if (exportClause === undefined) this.exports.push({ name: undefined, file, isType: isTypeOnly });
    for (const { name, propertyName, isTypeOnly: isType } of exportClause?.elements ?? []) {
      if (propertyName !== undefined) throw new Error(`${this.path}: ${propertyName.text} is exported under another name`);
      this.exports.push({ name: name.text, file, isType: isTypeOnly || isType });
    }
  }

  #declare(statement) {
    const names = is.isVariableStatement(statement)
      ? statement.declarationList.declarations.map(({ name }) => name.text)
      : [statement.name?.text];
    for (const name of names) {
      if (name === undefined) throw new Error(`${this.path}: a declaration without a name`);
      this.declarations.set(name, [...(this.declarations.get(name) ?? []), statement]);
      if (EXPORT.test(this.textOf(statement))) this.exports.push({ name, file: undefined, isType: false });
    }
  }

  #target({ text }) {
    return text.startsWith('.') ? join(dirname(this.path), text.replace(/\.js$/, '.d.ts')) : text;
  }

  textOf(statement) {
    return this.source.text.slice(statement.getStart(this.source), statement.end);
  }

  /** The comment right above it: one before that is the head of the file. */
  docOf(statement) {
    const above = this.source.text.slice(statement.pos, statement.getStart(this.source));
    return above.match(/\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*$/)?.[0] ?? '';
  }

  get head() {
    return this.source.text.match(/^\/\*\*(?:(?!\*\/)[\s\S])*\*\/(?=\n)/)?.[0] ?? '';
  }
}

const config = join(build, 'declarations.json');
writeFileSync(config, JSON.stringify({ extends: '../tsconfig.base.json', compilerOptions: { noEmit: true }, include: ['types'] }));
const api = new API({ cwd: root });
const { program } = api.updateSnapshot({ openProject: config }).getProject(config);
const modules = new Map();

function moduleAt(path) {
  if (!modules.has(path)) modules.set(path, new Module(path, program.getSourceFile(path)));
  return modules.get(path);
}

/** The module that declares a name used in `module`; a package's name; undefined if it is global. */
function find(module, name) {
  if (module.declarations.has(name)) return module;
  const from = module.imports.get(name) ?? module.exports.find((each) => each.name === name)?.file;
  if (from !== undefined) return from.endsWith('.d.ts') ? find(moduleAt(from), name) : from;
  for (const star of module.exports.filter((each) => each.name === undefined)) {
    const found = find(moduleAt(star.file), name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Name → whether only its type is public. */
function publicNames(module, isType = false) {
  const names = new Map();
  for (const link of module.exports) {
    const isOnlyType = isType || link.isType;
    if (link.name !== undefined) names.set(link.name, isOnlyType);
    else for (const [name, only] of publicNames(moduleAt(link.file), isOnlyType)) names.set(name, only);
  }
  return names;
}

/** The names that a statement refers to. */
function references(statement) {
  const found = new Set();
  const visit = (node) => {
    if (node.kind === SyntaxKind.ImportType) throw new Error('an import() in a type cannot be followed');
    if (is.isIdentifier(node) && isReference(node)) found.add(node.text);
    node.forEachChild(visit);
  };
  visit(statement);
  return found;
}

function isReference(node) {
  const { parent } = node;
  if (is.isQualifiedName(parent)) return parent.left === node;
  if (is.isPropertyAccessExpression(parent)) return parent.expression === node;
  return parent.name !== node;
}

/** Name → { module, entry } of everything that was written. */
const written = new Map();
const publicOf = new Map();

function write(entry) {
  const main = moduleAt(join(emitted, `${entry}.d.ts`));
  const names = publicNames(main);
  publicOf.set(entry, names);
  const imports = new Map();
  const order = [];
  const take = (module, name) => {
    const known = written.get(name);
    if (known !== undefined) {
      if (known.module !== module) throw new Error(`${known.module.path} and ${module.path} both declare ${name}`);
      if (known.entry === entry) return;
      if (!publicOf.get(known.entry).has(name)) throw new Error(`${entry} needs ${name}, which ${known.entry} does not export`);
      imports.set(known.entry, (imports.get(known.entry) ?? new Set()).add(name));
      return;
    }
    written.set(name, { module, entry });
    order.push({ module, name });
    for (const statement of module.declarations.get(name)) {
      for (const reference of references(statement)) follow(module, reference);
    }
  };
  /** Ignores global names and type parameters, which no file declares. */
  const follow = (module, name) => {
    const found = find(module, name);
    if (typeof found === 'string') throw new Error(`${module.path}: ${name} of the package ${found} is part of a public type`);
    if (found !== undefined) take(found, name);
  };
  for (const name of names.keys()) follow(main, name);

  const typesOnly = [];
  const statements = order.flatMap(({ module, name }) =>
    module.declarations.get(name).map((statement) => {
      const text = module.textOf(statement).replace(EXPORT, '');
      const isValue = !is.isInterfaceDeclaration(statement) && !is.isTypeAliasDeclaration(statement);
      const isOnlyType = isValue && names.get(name) === true;
      if (isOnlyType) typesOnly.push(name);
      return `${module.docOf(statement)}${names.has(name) && !isOnlyType ? 'export ' : ''}${text}`;
    }),
  );
  const head = [...imports].map(([other, list]) => {
    const path = relative(dirname(entry), other).replaceAll('\\', '/');
    return `import { ${[...list].join(', ')} } from '${path.startsWith('.') ? path : `./${path}`}.js';`;
  });
  // Without an export statement everything in a declaration file is exported.
  const foot = typesOnly.length > 0 ? `export type { ${typesOnly.join(', ')} };` : 'export {};';
  const path = join(dist, `${entry}.d.ts`);
  mkdirSync(dirname(path), { recursive: true });
  const text = [main.head, head.join('\n'), ...statements, foot].filter((part) => part !== '').join('\n\n');
  if (text.includes('@internal')) throw new Error(`${entry} would publish what is marked @internal`);
  writeFileSync(path, `${text}\n`);
}

for (const entry of ENTRIES) write(entry);
api.close();
rmSync(build, { recursive: true });
