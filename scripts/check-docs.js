/**
 * Keeps the documentation complete and true. Fails if
 *
 * - a public name (an export, a member of one, an event) is not in docs/api.md, an option not in docs/options.md
 *   (those of everpool/cluster: both in docs/cluster.md), an error class or code not in docs/errors.md;
 * - a table of options lists one that does not exist, or a default other than its `@default`;
 * - a link leads to a file or heading that does not exist, or a path of the repository in `code` to no file;
 * - test/types/examples.test-d.ts, which the type checker compiles, is not what the ```ts blocks say (`--write` writes
 *   it), or a ```js block does not parse.
 *
 * Reads the declarations in dist/: build first. Run: node scripts/check-docs.js [--write]
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const LOCAL = { api: 'docs/api.md', options: 'docs/options.md' };
/** The declarations of each entry, and the pages that describe them. */
const ENTRIES = {
  'index.d.ts': LOCAL,
  'worker/index.d.ts': LOCAL,
  'testing/index.d.ts': LOCAL,
  'cluster/index.d.ts': { api: 'docs/cluster.md', options: 'docs/cluster.md' },
};
const EXAMPLES = 'test/types/examples.test-d.ts';
const OWN_PATH = /^(src|test|scripts|bench|docs|examples)\/[\w./-]+$/;
const NOTHING = { text: '', rows: [] };

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const faults = [];
const read = (file) => readFileSync(join(root, file), 'utf8');

// ---------------------------------------------------------------------------- declarations

/** The exports of a file of dist/: name → { kind, members }, members being name → `@default`. */
function exportsOf(file) {
  const text = readFileSync(join(dist, file), 'utf8');
  const found = new Map();
  const from = (path) => exportsOf(relative(dist, join(dist, dirname(file), path)).replace(/\.js$/, '.d.ts'));
  for (const [, path] of text.matchAll(/^export(?: type)? \* from '(.+)';/gm)) {
    for (const [name, declaration] of from(path)) found.set(name, declaration);
  }
  for (const [, names, path] of text.matchAll(/^export(?: type)? \{([^}]+)\} from '(.+)';/gm)) {
    const all = from(path);
    for (const name of names.match(/\w+(?=\s*(?:,|$))/g)) {
      if (!all.has(name)) throw new Error(`${file}: cannot find the declaration of ${name}`);
      found.set(name, all.get(name));
    }
  }
  const listed = new Set([...text.matchAll(/^export(?: type)? \{([^}]+)\};/gm)].flatMap(([, names]) => names.match(/\w+/g)));
  for (const match of text.matchAll(/^(export )?(?:declare )?(?:abstract )?(class|interface|type|const|function) (\w+)/gm)) {
    const [, isExported, kind, name] = match;
    if (isExported === undefined && !listed.has(name)) continue;
    const hasBody = kind === 'class' || kind === 'interface';
    const body = hasBody ? text.slice(match.index, text.indexOf('\n}', match.index)) : '';
    found.set(name, { kind, members: membersOf(body) });
  }
  return found;
}

function membersOf(body) {
  const members = new Map();
  let comment = '';
  for (const line of body.split('\n')) {
    const name = /^ {4}(?:(?:readonly|override|static|get) )*(\w+|\[Symbol\.\w+\])\??[:(<]/.exec(line)?.[1];
    if (/^ {4}\/\*\*/.test(line)) comment = line;
    else if (/^ {5}\*/.test(line)) comment += line.replace(/^ *\*(?!\/)/, '');
    else if (name !== undefined) {
      if (name !== 'constructor') members.set(name.replace(/[[\]]/g, ''), /@default (.+?)\s*(?:\*\/|$)/.exec(comment)?.[1]);
      comment = '';
    }
  }
  return members;
}

// ---------------------------------------------------------------------------- pages

const withoutFences = (text) => text.replace(/^```[\s\S]*?^```$/gm, '');
const codeIn = (text) => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code).join('\n');
const hasWord = (text, word) => new RegExp(`(?<![\\w])${word.replace('.', '\\.')}(?![\\w])`).test(text);

/** The headings of a page, each with the text up to the next heading of its level or above. */
function sectionsOf(page) {
  const text = withoutFences(read(page));
  const headings = [...text.matchAll(/^(#+) (.+)$/gm)];
  return headings.map((heading, index) => {
    const next = headings.slice(index + 1).find((other) => other[1].length <= heading[1].length);
    const own = text.slice(heading.index, next?.index);
    const rows = text
      .slice(heading.index, headings[index + 1]?.index)
      .split('\n')
      .filter((line) => line.startsWith('|') && !/^\|[-|: ]+$/.test(line))
      .map((line) =>
        line
          .split(/(?<!\\)\|/)
          .map((cell) => cell.trim())
          .slice(1, -1),
      );
    return { title: heading[2].replaceAll('`', ''), text: own, rows };
  });
}

/** The section of a name, or else the row of a table that begins with it. */
function placeOf(sections, name) {
  const section =
    sections.find(({ title }) => title === name) ?? sections.find(({ title }) => new RegExp(`^(new )?${name}\\b`).test(title));
  if (section !== undefined) return section;
  const row = sections.flatMap(({ rows }) => rows).find(([first]) => first?.startsWith(`\`${name}`));
  return row === undefined ? undefined : { ...NOTHING, text: row.join(' ') };
}

// ---------------------------------------------------------------------------- names, options, codes

/** What counts in a default: up to the first comma, colon or semicolon outside of brackets. */
function valueIn(text) {
  let depth = 0;
  let end = 0;
  for (; end < text.length; end += 1) {
    if ('([{'.includes(text[end])) depth += 1;
    if (')]}'.includes(text[end])) depth -= 1;
    if (depth === 0 && /[,;:]/.test(text[end])) break;
  }
  return text.slice(0, end).replaceAll(/[`"]/g, '').trim();
}

function checkOptions(page, name, members) {
  const section = sectionsIn(page).find(({ title }) => title === name);
  if (section === undefined) {
    faults.push(`${page} has no section for ${name}`);
    return;
  }
  const rows = new Map(section.rows.filter(([first]) => first?.startsWith('`')).map((row) => [codeIn(row[0]), row]));
  for (const [member, standard] of members) {
    const row = rows.get(member);
    if (row === undefined) faults.push(`${page}: ${name} has no row for ${member}`);
    else if (standard !== undefined && valueIn(row[2]) !== valueIn(standard)) {
      faults.push(`${page}: the default of ${name}.${member} is ${valueIn(row[2])}, in the source ${valueIn(standard)}`);
    }
  }
  if (members.size === 0) return;
  for (const row of rows.keys()) if (!members.has(row)) faults.push(`${page}: ${name} has no option ${row}`);
}

function checkName(pages, name, { kind, members }) {
  const { api, options } = pages;
  const sections = sectionsIn(api);
  if (kind === 'class' && name.endsWith('Error') && !hasWord(errorPage, name)) faults.push(`docs/errors.md does not mention ${name}`);
  if (!hasWord(codeOf(api), name) && placeOf(sections, name) === undefined) faults.push(`${api} does not mention ${name}`);
  if (name.endsWith('Options') || sectionsIn(options).some(({ title }) => options !== api && title === name))
    return checkOptions(options, name, members);
  // The fields of an error stand with its class.
  if (members.size === 0 || name.endsWith('Details')) return;
  const place = placeOf(sections, name);
  if (place === undefined) faults.push(`${api} has no section or row for ${name}`);
  const code = codeIn(place?.text ?? '');
  for (const member of members.keys()) if (!hasWord(code, member)) faults.push(`${api}: ${name} lacks ${member}`);
}

const sectionsOfPages = new Map();
function sectionsIn(page) {
  if (!sectionsOfPages.has(page)) sectionsOfPages.set(page, sectionsOf(page));
  return sectionsOfPages.get(page);
}
const codeOf = (page) => codeIn(withoutFences(read(page)));

const entries = Object.keys(ENTRIES);
if (!entries.every((entry) => existsSync(join(dist, entry)))) throw new Error('dist/ is not built: npm run build');
const errorPage = read('docs/errors.md');
const names = new Map();
for (const entry of entries) {
  for (const [name, declaration] of exportsOf(entry)) {
    names.set(name, declaration);
    checkName(ENTRIES[entry], name, declaration);
  }
}

const sources = readdirSync(join(root, 'src'), { recursive: true }).filter((file) => file.endsWith('.ts'));
const codes = new Set(sources.flatMap((file) => read(`src/${file}`).match(/\bERR_EVERPOOL_[A-Z_]+/g) ?? []));
for (const code of codes) if (!hasWord(errorPage, code)) faults.push(`docs/errors.md does not mention ${code}`);
for (const code of new Set(errorPage.match(/\bERR_EVERPOOL_[A-Z_]+/g)))
  if (!codes.has(code)) faults.push(`docs/errors.md: no error has ${code}`);

// ---------------------------------------------------------------------------- links

const anchors = new Map();
/** The anchors of a page, as GitHub makes them of headings. */
function anchorsOf(path) {
  if (!anchors.has(path)) {
    const found = new Set();
    for (const [, heading] of withoutFences(readFileSync(path, 'utf8')).matchAll(/^#+ (.+)$/gm)) {
      const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
      const slug = text.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
      let anchor = slug;
      for (let count = 1; found.has(anchor); count += 1) anchor = `${slug}-${count}`;
      found.add(anchor);
    }
    anchors.set(path, found);
  }
  return anchors.get(path);
}

function checkLink(page, target) {
  const [path, anchor] = target.split('#');
  const file = path === '' ? join(root, page) : join(root, dirname(page), decodeURIComponent(path));
  if (!existsSync(file)) faults.push(`${page}: there is no file ${target}`);
  else if (anchor !== undefined && statSync(file).isFile() && !anchorsOf(file).has(anchor))
    faults.push(`${page}: there is no heading ${target}`);
}

const git = ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'];
const pages = execFileSync('git', git, { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n')
  .filter((page) => existsSync(join(root, page)));
for (const page of pages) {
  const text = withoutFences(read(page));
  for (const [, target] of text.replaceAll(/`[^`\n]*`/g, '').matchAll(/\]\(([^)\s]+)[^)]*\)/g)) {
    if (!/^[a-z]+:/.test(target)) checkLink(page, target);
  }
  for (const [, code] of text.matchAll(/`([^`\n]+)`/g)) {
    if (OWN_PATH.test(code) && !existsSync(join(root, code))) faults.push(`${page}: there is no file ${code}`);
  }
}

// ---------------------------------------------------------------------------- examples

/** What the pages say about the task module of their examples. */
const PREAMBLE = `interface Tasks {
  add: (a: number, b: number) => number;
  compute: (ms: number) => number;
  sizeOf: (file: string) => Promise<number>;
  score: (record: { id: string }) => { id: string; score: number };
  crawl: (url: string) => Promise<void>;
  download: (url: string) => Promise<string>;
  queryRows: (sql: string) => AsyncGenerator<{ id: number }>;
}

declare const pool: Pool<Tasks>;
declare const cluster: Cluster<Tasks>;
declare const files: string[];
declare const urls: string[];
declare function records(): AsyncIterable<{ id: string }>;
`;

function* blocksOf(page, language) {
  const titles = new Map();
  let title = page;
  for (const match of read(page).matchAll(/^#+ (.+)$|^```(\w*)\n([\s\S]*?)^```$/gm)) {
    if (match[1] !== undefined) title = match[1].replaceAll('`', '');
    else if (match[2] === language) {
      const count = (titles.get(title) ?? 0) + 1;
      titles.set(title, count);
      yield { title: `${page}: ${title}${count > 1 ? ` (${count})` : ''}`, code: match[3] };
    }
  }
}

/** All ```ts blocks as one file: imports at its top, each block in a function of its own. */
function examples(documents) {
  const imports = new Map([
    ['everpool', new Set(['Pool'])],
    ['everpool/cluster', new Set(['Cluster'])],
    ['vitest', new Set(['test'])],
  ]);
  const tests = [];
  for (const { title, code } of documents.flatMap((page) => [...blocksOf(page, 'ts')])) {
    const body = code.replaceAll(/^import (type )?\{([^}]+)\} from '([^']+)';\n+/gm, (_all, type, list, from) => {
      if (!imports.has(from)) imports.set(from, new Set());
      for (const name of list.split(',')) imports.get(from).add(`${type ?? ''}${name.trim()}`);
      return '';
    });
    const exported = [...body.matchAll(/^export (?:async )?(?:function\*?|const) (\w+)/gm)].map(([, name]) => `void ${name};`);
    const lines = [body.replaceAll(/^export /gm, '').trimEnd(), ...exported].join('\n').replaceAll(/^(?=.)/gm, '  ');
    tests.push(`test(${JSON.stringify(title)}, async () => {\n${lines}\n});\n`);
  }
  const head = [...imports].sort().map(([from, list]) => `import { ${[...list].sort().join(', ')} } from '${from}';\n`);
  const how = '// The examples of the documentation, for the type checker. Made by: node scripts/check-docs.js --write';
  const ignored = ['lint', 'format', 'assist'].map((what) => `// biome-ignore-all ${what}: it is generated\n`);
  return [`${how}\n${ignored.join('')}${head.join('')}`, PREAMBLE, ...tests].join('\n');
}

const documents = pages.filter((page) => page === 'README.md' || page.startsWith('docs/'));
const wanted = examples(documents);
if (process.argv.includes('--write')) writeFileSync(join(root, EXAMPLES), wanted);
else if (!existsSync(join(root, EXAMPLES)) || read(EXAMPLES) !== wanted)
  faults.push(`${EXAMPLES} is stale: node scripts/check-docs.js --write`);
for (const { title, code } of documents.flatMap((page) => [...blocksOf(page, 'js')])) {
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--check', '-'], { input: code, encoding: 'utf8' });
  if (status !== 0) faults.push(`${title}: ${/^\w*Error: .*$/m.exec(stderr)?.[0] ?? stderr}`);
}

for (const fault of faults) console.error(fault);
console.log(`${names.size} names, ${codes.size} codes, ${pages.length} pages: ${faults.length} faults`);
process.exitCode = faults.length > 0 ? 1 : 0;
