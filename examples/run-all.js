/** Runs every example in a process of its own; fails if one of them fails. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const notExamples = ['run-all.js', 'tasks.js', 'file-tasks.js'];
let failed = 0;
for (const file of readdirSync(folder).filter((name) => name.endsWith('.js') && !notExamples.includes(name))) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [folder + file], { encoding: 'utf8', timeout: 60_000 });
  console.log(`--- ${file}: ${status === 0 ? 'ok' : `failed (${status})`}\n${stdout}${stderr}`);
  if (status !== 0) failed += 1;
}
console.log(failed === 0 ? 'every example works' : `${failed} examples failed`);
process.exitCode = failed === 0 ? 0 : 1;
