/** The command in a real shell, with pipes, files and signals. */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { main, shell, start, tasks } from '../../kit/command.js';
import { linesOf, newFolder, until, useKit } from '../../kit/pools.js';

describe('the command', () => {
  useKit();

  test('reads items from arguments, files of each kind and stdin, and writes a line of JSON for each, to stdout or a file', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/items.ndjson`, '1\n2\n\n3\n');
    writeFileSync(`${folder}/items.json`, '[1, 2, 3]');
    writeFileSync(`${folder}/items.txt`, 'a\nbb\r\nccc\n');
    writeFileSync(`${folder}/pairs.ndjson`, '[1,2]\n[3,4]\n');
    const squares = [1, 4, 9];
    for (const how of [
      '--args 1 2 3',
      '--in items.ndjson',
      '--in items.json',
      '--in - < items.ndjson',
      '< items.ndjson',
      '--input-format json < items.json',
    ]) {
      const { code, lines, err } = await shell(`$E map $T#square --ordered ${how}`, folder);
      expect(code, err).toBe(0);
      expect(lines.map(({ value }) => value)).toEqual(squares);
      expect(lines[1]).toMatchObject({ index: 1, ok: true, attempts: 1, ms: expect.any(Number) });
      expect(err).toContain('3 done, 0 failed');
    }
    expect((await shell('$E map $T#lengthOf --ordered --in items.txt', folder)).lines.map(({ value }) => value)).toEqual([1, 2, 3]);
    expect((await shell('$E map $T#add --spread --ordered --in pairs.ndjson', folder)).lines.map(({ value }) => value)).toEqual([3, 7]);
    const { code, out } = await shell('$E map $T#square --args 5 --out results.ndjson --joblog log.tsv --quiet', folder);
    expect([code, out]).toEqual([0, '']);
    expect(JSON.parse(readFileSync(`${folder}/results.ndjson`, 'utf8'))).toMatchObject({ index: 0, ok: true, value: 25 });
    expect(linesOf(`${folder}/log.tsv`)).toEqual(['index\tattempts\tms\tok', expect.stringMatching(/^0\t1\t[\d.]+\ttrue$/)]);
  });

  test('exits with 1 after failures, each with its error; --on-error stop and --halt end the run early', async () => {
    const { code, lines } = await shell('$E map $T#odd --ordered --args 1 2 3 4');
    expect(code).toBe(1);
    expect(lines.map(({ ok }) => ok)).toEqual([true, false, true, false]);
    expect(lines[1]?.error).toMatchObject({ name: 'RangeError', message: '2 is even' });
    const many = 'seq 1 5000 | $E map $T#odd --size 2 --ordered';
    for (const halt of ['--on-error stop', '--halt soon,fail=3', '--halt now,fail=20%', '--halt soon,success=5', '--halt soon,done=9']) {
      const ended = await shell(`${many} ${halt}`);
      expect(ended.lines.length).toBeGreaterThan(0);
      expect(ended.lines.length).toBeLessThan(200);
      expect(ended.code).toBe(1);
    }
  });

  test('retries after the death of a worker, with the attempts in the output', async () => {
    const folder = newFolder();
    const { code, lines } = await shell('$E map $T#diesOnce --retries 2 --args a b', folder);
    expect(code).toBe(0);
    expect(lines.map(({ attempts }) => attempts)).toEqual([2, 2]);
    const dead = await shell('$E map $T#dies --args a', folder);
    expect(dead.code).toBe(1);
    expect(dead.lines[0]?.error?.name).toBe('WorkerDiedError');
  });

  test('takes --timeout as a duration or as a percentage of the running median', async () => {
    const fixed = await shell('$E map $T#sleep --timeout 1s --ordered --args 1 60000 2');
    expect(fixed.code).toBe(1);
    expect(fixed.lines.map(({ ok }) => ok)).toEqual([true, false, true]);
    const median = await shell('$E map $T#sleep --timeout 300% --size 2 --ordered --args 30 30 30 30 30 60000');
    expect(median.lines.map(({ ok }) => ok)).toEqual([true, true, true, true, true, false]);
    expect(median.lines[5]?.error).toMatchObject({ name: 'TaskTimeoutError', message: expect.stringContaining('median') });
  });

  test('refuses wrong usage with exit code 2 and one line that says what is wrong, and runs nothing', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/object.json`, '{"no":"array"}');
    for (const [script, text] of [
      ['$E map $T --args 1', 'expected <module>#<task>'],
      ['$E map $T#square --in nothing.ndjson', 'there is no file nothing.ndjson'],
      ['$E map $T#square --args 1 --halt sometimes', '--halt'],
      ['$E map $T#square --args 1 --timeout soon', '--timeout'],
      ['$E map $T#square --args 1 --size x', 'must be an integer'],
      ['$E map $T#square --args 1 --size 0', 'size'],
      ['$E map $T#square --args 1 --no-such-option', 'unknown option'],
      ['$E map $T#square --retry-failed --args 1', '--journal'],
      ['$E map $T#square --in object.json', 'not an array'],
      ['$E nonsense', 'unknown command'],
      ['$E map ./no-such.js#square --args 1', 'there is no module'],
      ['$E map $T#nothing --args 1', "has no task 'nothing': it exports add,"],
      ['$E map $T#square --in .', 'is a directory'],
      ['$E map $T#square --args 1 --out .', 'is a directory'],
      ['$E map $T#square --args 1 --out no/such/folder', 'cannot be written'],
      ['$E map $T#square --args 1 --joblog -', '--joblog'],
      ['$E map $T#square --args 1 --in items', 'exclude each other'],
    ] as const) {
      const { code, out, err } = await shell(script, folder);
      expect([script, code, out]).toEqual([script, 2, '']);
      expect(err).toContain(text);
      expect(err).not.toContain('    at ');
    }
  });

  test('reports a malformed line with its number, and goes on unless --strict is set', async () => {
    const script = "printf '1\\n{oops\\n3\\n' | $E map $T#square --ordered";
    const { code, err, lines } = await shell(script);
    expect(code).toBe(1);
    expect(err).toContain('line 2 of the input cannot be read');
    expect(lines.map(({ value }) => value)).toEqual([1, 9]);
    expect((await shell(`${script} --strict`)).lines.map(({ value }) => value)).toEqual([1]);
  });

  test('ends quietly on a closed pipe, and reports a full disk', async () => {
    const { err, out } = await shell('seq 1 1000000 | $E map $T#square --ordered --quiet | head -n 2');
    expect(out.split('\n').filter(Boolean)).toHaveLength(2);
    expect(err).not.toContain('EPIPE');
    const full = await shell('seq 1 1000 | $E map $T#square --quiet > /dev/full');
    expect(full.code).toBe(1);
    expect(full.err).toContain('the output cannot be written');
  });

  test('shows with --dry-run what would run', async () => {
    const { code, out } = await shell('$E map $T#square --dry-run --args 1 "x y"');
    expect([code, out]).toEqual([0, 'square(1)\nsquare("x y")\n']);
  });

  test('starts nothing more after Ctrl-C, finishes running items, and later goes on from the journal', async () => {
    const folder = newFolder();
    const script = (n: number): string => `seq 1 ${n} | exec node ${main} map ${tasks}#marks --journal journal.ndjson --size 2 --quiet`;
    const { child, ended } = start(
      `exec < <(seq 1 60); exec node ${main} map ${tasks}#marks --journal journal.ndjson --size 2 --quiet`,
      folder,
    );
    await until('it works', () => linesOf(`${folder}/marks`).length >= 4);
    process.kill(child.pid as number, 'SIGINT');
    const { code, lines, err } = await ended;
    expect(code).toBe(130);
    expect(err).toContain('interrupted');
    expect(lines.length).toBeLessThan(60);
    expect(lines.every(({ ok }) => ok)).toBe(true);
    expect(linesOf(`${folder}/journal.ndjson`)).toHaveLength(lines.length + 1);
    const again = await shell(script(60), folder);
    expect(again.code).toBe(0);
    expect(again.lines).toHaveLength(60);
    expect(linesOf(`${folder}/marks`)).toHaveLength(60);
  });

  test('kills running items after Ctrl-C twice', async () => {
    const folder = newFolder();
    const { child, ended, err } = start(`exec node ${main} map ${tasks}#marksAndSleeps --size 2 --args 1 2 3`, folder);
    await until('it works', () => linesOf(`${folder}/marks`).length === 2);
    process.kill(child.pid as number, 'SIGINT');
    await until('it was heard', () => err().includes('interrupted'));
    process.kill(child.pid as number, 'SIGINT');
    expect((await ended).code).toBe(130);
  });

  test('lists every option and the exit codes in --help', async () => {
    const { code, out } = await shell('$E --help');
    expect(code).toBe(0);
    for (const word of ['map', 'demo', 'Examples:', 'Exit codes:']) expect(out).toContain(word);
    const map = await shell('$E map --help');
    for (const option of [
      '--in',
      '--out',
      '--size',
      '--retries',
      '--timeout',
      '--journal',
      '--tag',
      '--ordered',
      '--on-error',
      '--halt',
      '--joblog',
      '--retry-failed',
      '--dry-run',
    ])
      expect(map.out).toContain(option);
    expect((await shell('$E --version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(dirname(main)).toContain('dist');
  });
});
