/**
 * Keeps words out that the project once had names of its own for, and where the field has a common one; and phrases that no native
 * speaker writes. CONTRIBUTING.md, "Words", has the table.
 *
 * Run: node scripts/check-words.js [path ...]
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const CODE = /^(src|test|bench|scripts|examples)\/.*\.(ts|js|mjs|cjs)$/;
const PROSE = /^(docs\/.*|[^/]*)\.md$/;
const LEFT_ALONE = /^(scripts\/check-words\.js|test\/projects\/|docs\/plots\/|bench\/results\/)/;

/** [what may not stand there, what to write instead] */
const WORDS = [
  [/\bberths?\b|\bBerths?\b/i, 'slot'],
  [/\btenants?\b/i, 'client'],
  [/\bstaff\b/i, 'worker listener'],
  [/\blanes?\b|[a-z]Lanes?\b|\bLane[A-Z]?/, 'worker leases (pool), attempts or place (worker)'],
  [/\bupkeep\b/i, 'recycling'],
  [/\bdepartures?\b/i, 'group reaper'],
  [/whenGone|\bgone\b|[a-z]Gone\b/, 'dead, reaped, exited, ended'],
  [/\bsuccession\b|\bsuccessors?\b|\bheirs?\b|\bheirOf\b/i, 'replacement'],
  [/spawn[- ]line|SpawnLine/i, 'spawn throttle'],
  [/\boutlets?\b/i, 'outcome buffer'],
  [/\bstretch(es)?\b/i, 'range'],
  [/\bpullers?\b|\bgulps?\b/i, 'input pump, budget'],
  [/\bdoors?\b|[a-z]Doors\b|\bdoorsOf\b/i, 'platform'],
  [/\brooms\b/i, 'context; folder'],
  [/\b(?!TestHost|SimHost)[A-Z]\w+(User|Host)\b/, 'Listener where it listens, Delegate where it decides'],
  [/\b(note|notes|noted)\b/i, 'control file; record, write down'],
  [/\btold\b|\btells?\b|\btelling\b/i, 'report, send, say, inform'],
  [/\blook(s|ed|ing)? at\b/i, 'read, check, examine'],
  [/\bso (many|much) (milliseconds|items|bytes|values|times)\b|\bfor so long\b|\bin which a\b.*\bso many\b/i, 'say how many'],
  [
    /\b(?:[ABD-FH-OQ-Z]\d{2}|C(?:0\d|1[7-9]|[2-9]\d)|G(?:0\d|1[5-9]|[2-9]\d))\b(?=[:,] |'|\b\.)/,
    'plain words: a reader cannot look this code up',
  ],
  [/\bcontract\.md\b/, 'the guarantees (docs/guarantees.md)'],
];
/** In src/ only: elsewhere the word has its common meaning. */
const IN_SOURCE = [[/\bguards?\b|[a-z]Guard\b|\bGuard\b/, 'orphan reaper; check']];

/** Of a line of comment in src/. */
const MOST_COLUMNS = 100;

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', ...args], {
  cwd: root,
  encoding: 'utf8',
}).split('\n');
let found = 0;
for (const file of files) {
  if (!(CODE.test(file) || PROSE.test(file)) || LEFT_ALONE.test(file)) continue;
  const words = file.startsWith('src/') ? [...WORDS, ...IN_SOURCE] : WORDS;
  for (const [index, line] of readFileSync(`${root}/${file}`, 'utf8').split('\n').entries()) {
    if (file.startsWith('src/') && /^\s*(\*|\/\*|\/\/)/.test(line) && line.length > MOST_COLUMNS && !line.includes('biome-ignore')) {
      found += 1;
      console.error(`${file}:${index + 1}: a comment of ${line.length} columns, more than ${MOST_COLUMNS}`);
    }
    for (const [word, instead] of words) {
      const match = word.exec(line);
      if (match === null) continue;
      found += 1;
      console.error(`${file}:${index + 1}: "${match[0]}" (${instead}): ${line.trim().slice(0, 120)}`);
    }
  }
}
console.log(`${found} old words`);
process.exitCode = found > 0 ? 1 : 0;
