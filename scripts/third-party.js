/** The packages whose code is part of what is built, and their licences. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Reads the folders of the packages from the comment that esbuild writes above each file. */
export function packagesIn(bundle) {
  const found = [...bundle.matchAll(/^\s*\/\/ (node_modules\/(?:.*\/node_modules\/)?(?:@[^/\n]+\/)?[^/\n]+)\//gm)].map(
    ([, folder]) => folder,
  );
  return [...new Set(found)].sort();
}

/** @throws Error for a package that comes without a licence: it must not be bundled */
export function licenseOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e/i.test(each));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(root, folder, file), 'utf8').trim()}`;
}
