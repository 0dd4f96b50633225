/** What the commands for a cluster refuse before they connect to anything. */
import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { shell } from '../../kit/command.js';
import { newFolder, useKit } from '../../kit/pools.js';

/** Nothing listens there. */
const AT = '--connect redis://user:hidden@127.0.0.1:1';
const PG = '--connect postgres://user:hidden@127.0.0.1:1/app?password=hidden';

describe('the command, for a cluster', () => {
  useKit();

  test('refuses wrong usage with exit code 2 and one line, which shows no password', async () => {
    const folder = newFolder();
    writeFileSync(`${folder}/empty`, '\n');
    for (const [script, text] of [
      ['$E serve $T', '--connect: expected the URL of the store'],
      ['$E serve $T --connect http://user:hidden@127.0.0.1', '--connect: expected redis://'],
      ['$E serve $T --connect hidden', '--connect: expected redis://'],
      [`$E serve ./no-such.js ${AT}`, 'there is no module'],
      [`$E serve $T ${AT} --lock soon`, '--lock: expected a time such as 15s'],
      [`$E serve $T ${AT} --lock 10ms`, 'lockMs'],
      [`$E serve $T ${AT} --name 'a b'`, 'name'],
      [`$E serve $T ${AT} --size 0`, 'size'],
      [`$E serve $T ${AT} --size x`, 'must be an integer'],
      [`$E serve $T ${AT} --schema app`, '--schema: Redis has none'],
      [`$E serve $T ${AT} --no-migrate`, '--no-migrate: Redis has no tables'],
      [`$E serve $T ${PG} --prefix app`, '--prefix'],
      [`$E serve $T ${AT} --secret-file nowhere`, '--secret-file'],
      [`$E serve $T ${AT} --secret-file empty`, 'has no secret'],
      [`EVERPOOL_SECRET= $E serve $T ${AT}`, 'EVERPOOL_SECRET has no secret'],
      [`$E serve $T ${AT} --secret hidden`, 'unknown option'],
      [`$E map $T#square ${AT} --args 1 --size 2`, '--size: the hosts have their own sizes'],
      [`$E map $T#square ${AT} --args 1 --journal file`, '--journal: with --connect, name the batch'],
      [`$E map $T#square ${AT} --args 1 --timeout 300%`, '--timeout: with --connect'],
      ['$E map $T#square --connect --args 1', '--connect: expected the URL of the store'],
      ['$E map $T#square --args 1 --id nightly', '--id needs --connect'],
      ['$E map $T#square --args 1 --secret-file file', '--secret-file needs --connect'],
      ['$E map $T#square --args 1 --no-migrate', '--no-migrate needs --connect'],
      [`$E cluster kill ${AT}`, 'expected one of --tag, --task and --all'],
      [`$E cluster kill ${AT} --tag a --all`, 'expected one of --tag, --task and --all'],
      ['$E cluster status', '--connect: expected the URL of the store'],
      [`$E cluster migrate ${PG} --no-migrate`, '--no-migrate'],
    ] as const) {
      const { code, out, err } = await shell(script, folder);
      expect([script, code, out]).toEqual([script, 2, '']);
      expect(err).toContain(text);
      expect(err.trim().split('\n'), script).toHaveLength(1);
      expect(err).not.toContain('hidden');
    }
  });

  test('has nothing to migrate on Redis, and connects to nothing in a dry run', async () => {
    expect(await shell(`$E cluster migrate ${AT}`)).toMatchObject({ code: 0, out: 'nothing to do: Redis has no tables\n' });
    const dry = await shell(`$E map ./not-here.js#resize ${AT} --id nightly --dry-run --args 1`);
    expect([dry.code, dry.out, dry.err]).toEqual([0, 'resize(1)\n', '']);
  });

  test('shows the password of the URL in no error', async () => {
    for (const script of [`$E cluster status ${AT}`, `$E cluster status ${PG}`]) {
      const { code, err } = await shell(script);
      expect(code, err).toBe(1);
      expect(err).toMatch(/^everpool: /);
      expect(err).not.toContain('hidden');
    }
  });
});
