/** Tasks on real files. */
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export async function describePackage(file) {
  const { name, version, dependencies = {} } = JSON.parse(await readFile(file, 'utf8'));
  return { name, version, dependencies: Object.keys(dependencies).length };
}

export async function listFolder(folder) {
  const folders = [];
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) folders.push(path);
    else if (entry.isFile()) bytes += (await stat(path)).size;
  }
  return { folders, bytes };
}

export async function* linesOf(file) {
  const input = createReadStream(file);
  try {
    yield* createInterface({ input });
  } finally {
    input.destroy();
  }
}

export const firstWord = (line) => line.trim().split(/[\s":]+/, 1)[0];
