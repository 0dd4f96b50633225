/** The tasks of the benchmarks. Every contender runs these same functions. */
import { appendFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

export const noop = () => undefined;
export const echo = (value) => value;
export const never = () => new Promise(() => undefined);

export function spin(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Writes down that it started, in a way that survives the worker, and computes for 1 ms. */
export function startAndSpin({ file, id }) {
  appendFileSync(file, `${id}\n`);
  spin(1);
}

/** Parses JavaScript and counts what it found. */
export function countNodes(source) {
  // Not imported at the top, because the other rows must not load a parser.
  const { parse } = require('acorn');
  const counts = { nodes: 0, identifiers: 0 };
  count(parse(source, { ecmaVersion: 'latest', sourceType: 'module' }), counts);
  return counts;
}

function count(value, counts) {
  if (typeof value !== 'object' || value === null) return;
  if (typeof value.type === 'string') counts.nodes += 1;
  if (value.type === 'Identifier') counts.identifiers += 1;
  for (const child of Array.isArray(value) ? value : Object.values(value)) count(child, counts);
}
