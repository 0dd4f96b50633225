/**
 * Real files in bulk: every package.json under node_modules is parsed; a log; a walk of folders in
 * a scope; a stream of lines.
 */
import assert from 'node:assert/strict';
import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pool } from 'everpool';

const root = fileURLToPath(new URL('../node_modules', import.meta.url));
const pool = new Pool({ module: new URL('./file-tasks.js', import.meta.url), size: 2 });
const journal = join(tmpdir(), `everpool-bulk-${process.pid}.journal`);
try {
  // A map over real files, with a journal: the second time nothing runs.
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /(^|\/)package\.json$/.test(name))
    .map((name) => join(root, name));
  const first = await pool.map('describePackage', files, { journal, retries: 1 });
  const { submitted } = pool.stats();
  const second = await pool.map('describePackage', files, { journal, retries: 1 });
  assert.deepEqual(second, first);
  assert.equal(pool.stats().submitted, submitted);
  console.log(`${first.length} package.json files parsed; the second time none`);

  // A log in parallel: its lines are read as they are parsed, and travel to the workers in chunks.
  const ofSystem = '/var/log/dpkg.log';
  const log = existsSync(ofSystem) ? ofSystem : fileURLToPath(new URL('../package-lock.json', import.meta.url));
  const counts = new Map();
  let parsed = 0;
  const input = createInterface({ input: createReadStream(log) });
  for await (const word of pool.map('firstWord', input, { retries: 1, ordered: false })) {
    parsed += 1;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  console.log(`${parsed} lines of ${log}, ${counts.size} different beginnings`);
  assert.ok(parsed > 100);

  // A recursive walk: each folder is a task, and leaving the scope would end them all.
  let folders = 0;
  let bytes = 0;
  const scope = pool.scope({ tag: 'walk' });
  try {
    const walk = async (folder) => {
      const found = await scope.run('listFolder', [folder]);
      folders += 1;
      bytes += found.bytes;
      await Promise.all(found.folders.map(walk));
    };
    await walk(join(root, 'typescript'));
  } finally {
    await scope.kill();
  }
  console.log(`${folders} folders of typescript, ${(bytes / 1e6).toFixed(1)} MB`);

  // A stream: lines as they are read, at most a few ahead of the loop.
  let lines = 0;
  for await (const line of pool.stream('linesOf', [join(root, 'vitest', 'LICENSE.md')])) {
    if (line !== '') lines += 1;
    if (lines === 20) break; // the file is closed in the worker
  }
  console.log(`${lines} lines of a license, and no more`);
} finally {
  await pool.close();
  rmSync(journal, { force: true });
}
