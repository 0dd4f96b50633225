/** The command, used by somebody who tries to lose data or to hang it. */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { main, shell, start, tasks } from '../../kit/command.js';
import { linesOf, newFolder, until, useKit } from '../../kit/pools.js';

const ITEMS = '1\n2\n3\n';

/** A folder with items, links to them, and results of an earlier run. */
function furnished(): string {
  const folder = newFolder();
  writeFileSync(`${folder}/items.ndjson`, ITEMS);
  symlinkSync('items.ndjson', `${folder}/symlink.ndjson`);
  linkSync(`${folder}/items.ndjson`, `${folder}/hardlink.ndjson`);
  mkdirSync(`${folder}/sub`);
  writeFileSync(`${folder}/results`, 'of last week\n');
  writeFileSync(`${folder}/log`, 'of last week\n');
  return folder;
}

describe('the files of the command', () => {
  useKit();

  test.each([
    ['--in items.ndjson --out items.ndjson', '--out and --in'],
    ['--in items.ndjson --out symlink.ndjson', '--out and --in'],
    ['--in symlink.ndjson --out hardlink.ndjson', '--out and --in'],
    ['--in items.ndjson --joblog sub/../items.ndjson', '--joblog and --in'],
    ['--in items.ndjson --journal hardlink.ndjson', '--journal and --in'],
    ['--in items.ndjson >> items.ndjson', 'stdout and --in'],
    ['< items.ndjson --out hardlink.ndjson', '--out and stdin'],
    ['--args 1 --out results --joblog results', '--joblog and --out'],
    ['--args 1 --out new --joblog sub/../new', '--joblog and --out'],
    ['--args 1 --joblog log --journal ./log', '--journal and --joblog'],
    ['--args 1 --joblog log >> log', '--joblog and stdout'],
    ['--args 1 --out $T', '--out and the module'],
  ])('%s: one file for two purposes is refused, and keeps its content', async (how, text) => {
    const folder = furnished();
    const module = readFileSync(tasks, 'utf8');
    const { code, out, err } = await shell(`$E map $T#square ${how}`, folder);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(text);
    expect(readFileSync(`${folder}/items.ndjson`, 'utf8')).toBe(ITEMS);
    expect(readFileSync(`${folder}/results`, 'utf8')).toBe('of last week\n');
    expect(readFileSync(`${folder}/log`, 'utf8')).toBe('of last week\n');
    expect(readFileSync(tasks, 'utf8')).toBe(module);
  });

  test('may share devices and pipes', async () => {
    const { code } = await shell('$E map $T#square --in /dev/null --out /dev/null --joblog /dev/null');
    expect(code).toBe(0);
  });

  test.each([
    '--in no-such-file',
    '--no-such-option',
    '--args 1 --timeout soon',
    '--args 1 --size 0',
    '--in items.ndjson --spread',
    '--in object.json',
    '--args 1 --dry-run',
  ])('%s: the outputs of an earlier run keep their content', async (how) => {
    const folder = furnished();
    writeFileSync(`${folder}/object.json`, '{}');
    await shell(`$E map $T#square ${how} --out results --joblog log`, folder);
    expect(readFileSync(`${folder}/results`, 'utf8')).toBe('of last week\n');
    expect(readFileSync(`${folder}/log`, 'utf8')).toBe('of last week\n');
  });

  test('a module that cannot load is reported in one line before an item is read, and the outputs keep their content', async () => {
    const folder = furnished();
    writeFileSync(`${folder}/throws.mjs`, "throw new Error('no database');\n");
    writeFileSync(`${folder}/broken.mjs`, 'export const square = (;\n');
    for (const [module, text] of [
      ['throws', 'no database'],
      ['broken', 'SyntaxError'],
    ]) {
      const { code, out, err } = await shell(`$E map ./${module}.mjs#square --out results < items.ndjson`, folder);
      expect([code, out]).toEqual([2, '']);
      expect(err).toContain(text);
      expect(err.trim().split('\n')).toHaveLength(1);
      expect(readFileSync(`${folder}/results`, 'utf8')).toBe('of last week\n');
    }
  });

  test('a run replaces the results of an earlier one, even if it has none', async () => {
    const folder = furnished();
    expect((await shell('$E map $T#square --args 3 --out results', folder)).code).toBe(0);
    expect(linesOf(`${folder}/results`)).toHaveLength(1);
    expect((await shell('$E map $T#square --out results < /dev/null', folder)).code).toBe(0);
    expect(readFileSync(`${folder}/results`, 'utf8')).toBe('');
  });

  test.each(['--out /dev/full', '--joblog /dev/full', '> /dev/full'])(
    '%s: a full disk is reported, and the exit code is 1',
    async (where) => {
      for (const count of [1, 3000]) {
        const { code, err } = await shell(`seq 1 ${count} | $E map $T#square --quiet ${where}`);
        expect(code).toBe(1);
        expect(err).toContain('cannot be written: ENOSPC');
        expect(err.split('cannot be written')).toHaveLength(2);
      }
    },
  );

  test('without a reader of stderr the results are still complete', async () => {
    for (const how of ['2>&-', '2> >(exit)']) {
      const { code, lines } = await shell(`seq 1 200 | $E map $T#square ${how}`);
      expect([code, lines.length]).toEqual([0, 200]);
    }
  });
});

describe('the input of the command', () => {
  useKit();

  const texts = async (bytes: Buffer | string, name = 'items.txt'): Promise<{ code: number | null; values: unknown[]; err: string }> => {
    const folder = newFolder();
    writeFileSync(`${folder}/${name}`, bytes);
    const { code, lines, err } = await shell(`$E map $T#same --ordered --quiet --in ${name}`, folder);
    return { code, values: lines.map(({ value }) => value), err };
  };

  test('with a byte order mark, CRLF, and an unterminated last line', async () => {
    expect(await texts('\ufeffa\r\nb\r\n\r\nc')).toEqual({ code: 0, values: ['a', 'b', 'c'], err: '' });
    expect(await texts('\ufeff{"a":1}\r\n2', 'items.ndjson')).toEqual({ code: 0, values: [{ a: 1 }, 2], err: '' });
    expect(await texts('\ufeff[1, 2]', 'items.json')).toEqual({ code: 0, values: [1, 2], err: '' });
  });

  test('empty, or with only a byte order mark, has no items', async () => {
    for (const bytes of ['', '\ufeff', '\n\n']) expect(await texts(bytes)).toEqual({ code: 0, values: [], err: '' });
  });

  test('with Unicode line separators inside a JSON string is not split there', async () => {
    const item = 'a\u2028b\u2029c\u0085d';
    expect(await texts(`${JSON.stringify(item)}\n`, 'items.ndjson')).toEqual({ code: 0, values: [item], err: '' });
  });

  test('with a line that is cut off or not UTF-8 reports its number and exits with 1', async () => {
    const cut = await texts('1\n{"a":', 'items.ndjson');
    expect(cut).toMatchObject({ code: 1, values: [1] });
    expect(cut.err).toContain('line 2 of the input cannot be read');
    const latin1 = await texts(Buffer.from('caf\u00e9\nth\u00e9\nwater\n', 'latin1'));
    expect(latin1).toMatchObject({ code: 1, values: ['water'] });
    expect(latin1.err).toContain('line 1 of the input cannot be read: it is not UTF-8');
  });

  test('in UTF-16 is refused, with the remedy', async () => {
    const { code, values, err } = await texts(Buffer.from('\ufeff1\n2\n', 'utf16le'), 'items.ndjson');
    expect({ code, values }).toEqual({ code: 2, values: [] });
    expect(err).toContain('iconv');
  });

  test('with a line longer than many reads is whole', async () => {
    const long = 'é'.repeat(500_000);
    expect(await texts(`x\n${long}\ny`)).toEqual({ code: 0, values: ['x', long, 'y'], err: '' });
  });

  test('may be a pipe of the shell, or a FIFO', async () => {
    const folder = newFolder();
    execFileSync('mkfifo', [`${folder}/fifo`]);
    for (const script of [
      '$E map $T#square --ordered --input-format ndjson --in <(seq 1 3)',
      'seq 1 3 > fifo & $E map $T#square --ordered --input-format ndjson --in fifo',
    ]) {
      const { code, lines } = await shell(script, folder);
      expect(code).toBe(0);
      expect(lines.map(({ value }) => value)).toEqual([1, 4, 9]);
    }
  });
});

describe('the end of the command while its input stays open', () => {
  useKit();

  test.each([
    ['--halt now,done=1', 0],
    ['--halt soon,fail=1', 1],
    ['--on-error stop', 1],
    ['--strict', 1],
  ])('%s', async (how, expected) => {
    const { child, ended } = start(`exec $E map $T#odd ${how}`, newFolder(), 'pipe');
    child.stdin?.write(how.includes('done') ? '1\n' : how === '--strict' ? '1\n{oops\n' : '2\n');
    const { code, lines } = await ended;
    expect(code).toBe(expected);
    expect(lines).toHaveLength(1);
  });

  test('--spread with an item that is not a list', async () => {
    const { child, ended } = start('exec $E map $T#add --spread', newFolder(), 'pipe');
    child.stdin?.write('[1,2]\n7\n');
    const { code, err } = await ended;
    expect(code).toBe(2);
    expect(err).toContain('--spread');
  });
});

describe('signals', () => {
  useKit();

  const CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    test(`${signal} while workers boot, while the command waits for items, and while items run`, async () => {
      const folder = newFolder();
      const booting = start(`exec node ${main} map ${tasks}/../boots-slowly.js#noop --args 1`, folder);
      await until('a worker boots', () => linesOf(`${folder}/booting`).length > 0);
      process.kill(booting.child.pid as number, signal);
      expect(await booting.ended).toMatchObject({ code: CODES[signal], lines: [] });

      const waiting = start(`exec node ${main} map $T#square --quiet`, folder, 'pipe');
      waiting.child.stdin?.write('3\n');
      await until('it has worked', () => waiting.out() !== '');
      process.kill(waiting.child.pid as number, signal);
      expect(await waiting.ended).toMatchObject({ code: CODES[signal], lines: [{ value: 9 }] });

      const running = start(`exec node ${main} map $T#marks --quiet --size 1 --args 1 2 3 4 5 6 7 8 9`, folder);
      await until('it works', () => linesOf(`${folder}/marks`).length === 2);
      process.kill(running.child.pid as number, signal);
      const { code, lines } = await running.ended;
      expect(code).toBe(CODES[signal]);
      expect(lines.length).toBeLessThan(9);
      // Each line is whole, and none is missing.
      expect(lines).toHaveLength(linesOf(`${folder}/marks`).length);
    });

    test(`${signal} twice ends it, though its tasks never end and nobody reads its output`, async () => {
      const folder = newFolder();
      execFileSync('mkfifo', [`${folder}/fifo`]);
      // The shell holds the reading end open, and reads nothing.
      const script = `exec 3<>fifo; exec node ${main} map $T#longText --size 2 --args 1000000 1000000 1000000 0 0 > fifo`;
      const { child, ended, err } = start(script, folder);
      await until('what never ends runs', () => linesOf(`${folder}/marks`).length === 2);
      process.kill(child.pid as number, signal);
      await until('it was heard', () => err().includes('interrupted'));
      process.kill(child.pid as number, signal);
      expect((await ended).code).toBe(CODES[signal]);
    });
  }

  test('a second one during the close kills workers that are slow to leave', async () => {
    const folder = newFolder();
    const { child, ended, out, err } = start(`exec node ${main} map ${tasks}/../leaves-slowly.js#noop --args 1`, folder);
    await until('a worker leaves', () => linesOf(`${folder}/leaving`).length > 0);
    expect(out()).toContain('"ok":true');
    process.kill(child.pid as number, 'SIGTERM');
    await until('it was heard', () => err().includes('interrupted'));
    process.kill(child.pid as number, 'SIGTERM');
    expect((await ended).code).toBe(143);
  });
});
