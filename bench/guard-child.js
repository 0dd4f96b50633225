/**
 * Measures one guarded path, in a process that guard.js starts with the V8 flags for it, and prints
 * the figures as JSON.
 *
 * `bytes`: allocated per task, on and off the heap. `calls`: calls of functions in dist/. `code`:
 * executed characters of dist/ without blanks and comment lines, so that a loop without a call
 * counts too.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const DIST = new URL('../dist/', import.meta.url).href;
/** A finished garbage collection is reported some turns later. */
const GC_NEWS_MS = 50;

const session = new Session();
session.connect();
await session.post('Profiler.enable');
// Before anything of dist/ is loaded, because V8 counts blocks only in code that it compiles
// afterwards.
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

const collections = [];
new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });

const { paths } = await import('./guard-paths.js');
const { prepare, count } = paths[process.argv[2]];
const work = await prepare();
await work(count); // compiles everything, and lets it grow to its size
await session.post('Profiler.takePreciseCoverage');
globalThis.gc();

const start = performance.now();
const before = process.memoryUsage();
await work(count);
const after = process.memoryUsage();
const end = performance.now();

const { result } = await session.post('Profiler.takePreciseCoverage');
await sleep(GC_NEWS_MS);
if (collections.some(({ startTime }) => startTime > start && startTime < end)) throw new Error('a collection fell into the measurement');
const { calls, code } = executed(result.filter(({ url }) => url.startsWith(DIST)));
const bytes = after.heapUsed + after.external - before.heapUsed - before.external;
console.log(JSON.stringify({ bytes: bytes / count, calls: calls / count, code: code / count }));
process.exit();

function executed(files) {
  const sum = { calls: 0, code: 0 };
  for (const { url, functions } of files) {
    const weigh = weights(readFileSync(fileURLToPath(url), 'utf8'));
    for (const { ranges } of functions) sum.calls += ranges[0].count;
    // Of nested ranges, the innermost says how often a character was executed.
    const ranges = functions.flatMap((each) => each.ranges).sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
    const around = [];
    for (const range of ranges) {
      while (around.length > 0 && around.at(-1).endOffset <= range.startOffset) around.pop();
      const weight = weigh(range.startOffset, range.endOffset);
      sum.code += weight * (range.count - (around.at(-1)?.count ?? 0));
      around.push(range);
    }
  }
  return sum;
}

/** The number of characters that count between two offsets. */
function weights(source) {
  const blanked = source.replace(/^\s*(\/\/|\/\*|\*).*$/gm, (line) => ' '.repeat(line.length));
  const before = new Uint32Array(blanked.length + 1);
  for (let at = 0; at < blanked.length; at += 1) before[at + 1] = before[at] + Number(blanked[at] > ' ');
  return (from, to) => before[to] - before[from];
}
