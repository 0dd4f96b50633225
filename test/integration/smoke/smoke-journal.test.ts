/** The journal on every version of Node: its lock, its resume, and under the permission model. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { fixture, linesOf, newFolder, until, useKit } from '../../kit/pools.js';

useKit();

const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
const root = fileURLToPath(new URL('../../..', import.meta.url));

function start(folder: string, ...flags: string[]) {
  const argv = [...flags, fileURLToPath(fixture('program-holds-journal.js')), `${folder}/journal`, `${folder}/starts`, '200', '3'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, TMPDIR: folder } });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const last = new Promise<unknown>((resolve) => {
    child.once('close', () => resolve(JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? '{}')));
  });
  return { child, last, isHolding: () => text.startsWith('holding') };
}

for (const [how, flags] of [
  ['', (_folder: string) => []],
  [
    'under the permission model, ',
    (folder: string) => [
      permission,
      '--allow-child-process',
      `--allow-fs-read=${root}*`,
      `--allow-fs-read=/proc/*`,
      `--allow-fs-read=${folder}/*`,
      `--allow-fs-write=${folder}/*`,
    ],
  ],
] as const) {
  test(`${how}a second process is refused, and after a kill of the first the next one goes on where it was`, async () => {
    const folder = newFolder();
    const first = start(folder, ...flags(folder));
    await until('it holds the journal', first.isHolding);
    first.child.kill('SIGSTOP'); // it holds the journal also while it is stopped
    expect(await start(folder, ...flags(folder)).last).toMatchObject({
      code: 'ERR_EVERPOOL_JOURNAL',
      message: expect.stringContaining(`by process ${first.child.pid}`),
    });
    first.child.kill('SIGKILL');
    await first.last;
    const done = linesOf(`${folder}/journal`).length - 1;
    const before = linesOf(`${folder}/starts`).length;
    expect(await start(folder, ...flags(folder)).last).toEqual({ results: 200 });
    expect(linesOf(`${folder}/starts`).length - before).toBeLessThanOrEqual(200 - done);
  });
}
