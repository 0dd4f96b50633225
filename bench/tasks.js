/** The tasks of the benchmarks. Every contender runs these same functions. */
import { appendFileSync, readFileSync } from 'node:fs';
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

// ---- the whole jobs of P12. Each result is a number, so that the sums of all contenders can be
// compared. What they need is not imported at the top, because the other rows must not load it.

export const double = (number) => 2 * number;

/** The first 24 bits of the hash. */
export function gzipAndHash(path) {
  const { createHash } = require('node:crypto');
  const { gzipSync } = require('node:zlib');
  const bytes = readFileSync(path);
  if (gzipSync(bytes).length === 0) throw new Error('gzip wrote nothing');
  return createHash('sha256').update(bytes).digest().readUIntBE(0, 3);
}

/** The number of nodes; -1 for what is no module. */
export function parseFile(path) {
  try {
    return countNodes(readFileSync(path, 'utf8')).nodes;
  } catch (error) {
    if (error instanceof SyntaxError) return -1;
    throw error;
  }
}

/** The width of a JPEG image of 320 pixels that is made of the image in the file. */
export async function resizeImage(path) {
  const sharp = require('sharp');
  sharp.concurrency(1); // the pool has a worker for each core
  const { info } = await sharp(path).resize(320).jpeg().toBuffer({ resolveWithObject: true });
  return info.width;
}

/** Parses JavaScript and counts what it found. The parser is loaded here, too. */
export function countNodes(source) {
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
