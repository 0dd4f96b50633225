/** What the projects share: starting a program and hearing what it says. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Only ends what hangs. */
const LIMIT_MS = 300_000;

/** Starts `node` with the arguments in the folder; never rejects. */
export function node(folder, args, { env = {}, limitMs = LIMIT_MS } = {}) {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined, ...env }, timeout: limitMs };
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr }),
    );
  });
}

/** The path of a package's file, in this folder's node_modules. */
export function packageFile(...parts) {
  const path = join(import.meta.dirname, 'node_modules', ...parts);
  if (!existsSync(path)) throw new Error(`there is no ${path}`);
  return path;
}
