/**
 * Files of every kind as input and output of the command: it exits with 0 only if nothing is lost,
 * and never waits for ever.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { shell, start } from '../../kit/command.js';
import { newFolder, until, useKit } from '../../kit/pools.js';

const isLinux = process.platform === 'linux';
const MAP = '$E map $T#same --quiet';

function childrenOf(name: string, argument: string): number[] {
  const text = execFileSync('/bin/ps', ['-eo', 'pid=,args='], { encoding: 'utf8' });
  const lines = text.split('\n').filter((line) => line.includes(` ${name} ${argument}`));
  return lines.map((line) => Number.parseInt(line, 10));
}

describe('the input of the command', () => {
  useKit();

  test.each(['/dev/stdin', '/dev/fd/0', ...(isLinux ? ['/proc/self/fd/0', '/proc/thread-self/fd/0'] : []), 'link'])(
    '%s is stdin, by that name too',
    async (name) => {
      const folder = newFolder();
      symlinkSync('/dev/stdin', `${folder}/link`);
      const { code, lines } = await shell(`printf '1\\n2\\n' | ${MAP} --ordered --in ${name} --input-format ndjson`, folder);
      expect([code, lines.map(({ value }) => value)]).toEqual([0, [1, 2]]);
    },
  );

  test('that fails in the middle is an error, and not its end', async () => {
    const folder = newFolder();
    execFileSync('mkfifo', [`${folder}/fifo`]);
    const run = start(`(echo 1; sleep 60) > fifo & ${MAP} --in fifo --input-format ndjson; code=$?; kill %1; exit $code`, folder);
    await until('the first line has come', () => run.out().includes('"value":1'));
    for (const pid of childrenOf('cat', `${folder}/fifo`)) process.kill(pid, 'SIGKILL');
    const { code, err } = await run.ended;
    expect(code).toBe(2);
    expect(err).toMatch(/the input cannot be read: cat, which reads fifo, was killed by SIGKILL/);
  });

  test('a socket, and a directory as stdin, are refused', async () => {
    const folder = newFolder();
    const server = createServer().listen(`${folder}/socket`);
    await new Promise((resolve) => server.once('listening', resolve));
    const socket = await shell(`${MAP} --in socket`, folder);
    server.close();
    expect(socket).toMatchObject({ code: 2, err: expect.stringContaining('--in: socket is a socket') });
    expect(await shell(`${MAP} < .`)).toMatchObject({ code: 2, err: expect.stringContaining('stdin is a directory') });
    expect(await shell(`${MAP} --args 1 < .`)).toMatchObject({ code: 0 }); // stdin is not read
  });

  test('an option given twice is refused', async () => {
    const { code, err } = await shell(`${MAP} --in a --in b`);
    expect([code, err]).toEqual([2, "error: option '--in <file>' was given twice\n"]);
  });
});

describe('the output of the command', () => {
  useKit();

  test.each([
    ['--out a --joblog c', 'a', 'c'],
    ['--out a --journal c', 'a', 'c'],
    ['--joblog a --out c', 'a', 'c'],
    ['--out a --joblog b', 'a', 'b'],
  ])('%s: links to one file that does not exist yet are one file', async (how, one, other) => {
    const folder = newFolder();
    symlinkSync('c', `${folder}/${one}`);
    if (other !== 'c') symlinkSync('c', `${folder}/${other}`);
    const { code, err } = await shell(`${MAP} --args 1 ${how}`, folder);
    expect(code).toBe(2);
    expect(err).toContain('are the same file');
    expect(existsSync(`${folder}/c`)).toBe(false);
  });

  test.each([
    ['--out ""', "--out: expected the name of a file, got ''"],
    ['--joblog ""', "--joblog: expected the name of a file, got ''"],
    ['--out new/', "--out: expected the name of a file, got 'new/'"],
    ['--out no/such/folder', '--out: no/such/folder cannot be written'],
    ['--out astray', '--out: astray cannot be written'],
    ['--out circle', 'circle'],
  ])('%s is refused before anything runs', async (how, text) => {
    const folder = newFolder();
    symlinkSync('/no/such/folder/file', `${folder}/astray`);
    symlinkSync('circle', `${folder}/circle`);
    const { code, err } = await shell(`$E map $T#marks --quiet --args 1 ${how}`, folder);
    expect(code).toBe(2);
    expect(err).toContain(text);
    expect(existsSync(`${folder}/marks`)).toBe(false);
  });

  test('a link to a file that does not exist yet creates that file', async () => {
    const folder = newFolder();
    symlinkSync('there', `${folder}/link`);
    expect(await shell(`${MAP} --args 1 --out link`, folder)).toMatchObject({ code: 0 });
    expect(readFileSync(`${folder}/there`, 'utf8')).toContain('"value":1');
    expect(lstatSync(`${folder}/link`).isSymbolicLink()).toBe(true);
  });

  test('a FIFO waits for a reader, or for the second signal', async () => {
    const folder = newFolder();
    execFileSync('mkfifo', [`${folder}/fifo`]);
    const interrupted = start('exec $E map $T#marks --quiet --args 1 --out fifo', folder);
    await until('it has begun', () => existsSync(`${folder}/marks`));
    interrupted.child.kill('SIGINT');
    await until('it has heard', () => interrupted.err().includes('interrupted'));
    interrupted.child.kill('SIGINT');
    expect((await interrupted.ended).code).toBe(130);
    const { code, out } = await shell(`${MAP} --args 1 2 --out fifo & sleep 1; cat fifo; wait %1`, folder);
    expect(code).toBe(0);
    expect(out.match(/"ok":true/g)).toHaveLength(2);
  });

  test.runIf(isLinux)('a full disk is reported in one line, also by the help and a dry run', async () => {
    for (const what of ['map --help', '--version', 'map $T#same --args 1 --dry-run', 'map $T#same --args 1 --quiet']) {
      const { code, err } = await shell(`$E ${what} > /dev/full`);
      expect([code, err]).toEqual([1, 'everpool: the output cannot be written: ENOSPC: no space left on device, write\n']);
    }
  });

  test('values that JSON would turn into {} or cut short are whole', async () => {
    const folder = newFolder();
    writeFileSync(
      `${folder}/tasks.mjs`,
      `export const kinds = () => ({ r: /x/g, u: new URLSearchParams('a=1'), h: new Headers({ a: 'b' }), t: Int16Array.of(-1, 2), b: Uint8Array.of(3).buffer });
       export const big = () => ({ n: 1n, rows: [...Array(300).keys()], text: 'x'.repeat(20_000) });`,
    );
    const kinds = await shell('$E map ./tasks.mjs#kinds --quiet --args 1', folder);
    expect(kinds.lines[0]?.value).toEqual({ r: '/x/g', u: 'a=1', h: [['a', 'b']], t: [-1, 2], b: [3] });
    const big = await shell('$E map ./tasks.mjs#big --quiet --args 1', folder);
    const { text } = big.lines[0] as unknown as { text: string };
    expect(text).toMatch(/^{ n: 1n|^{\s+n: 1n/);
    expect(text).toContain('299');
    expect(text).toContain('x'.repeat(20_000));
  });
});
