/** The work of the demo: real files, read, hashed and gzipped in a worker process. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

/**
 * Gzips one file; returns its path, its size, its gzipped size and the SHA-256 of its content and
 * of the gzip.
 */
export async function pack(path) {
  const content = await readFile(path);
  const zipped = gzipSync(content, { level: 1 });
  const hash = createHash('sha256').update(content).update(zipped).digest('hex');
  return { path, bytes: content.length, zipped: zipped.length, hash };
}
