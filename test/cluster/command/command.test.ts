/** The command over real stores: hosts, a map through them, and a cluster from outside. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Ended, main, start, tasks } from '../../kit/command.js';
import { linesOf, newFolder, until, useKit } from '../../kit/pools.js';
import { forEachStore, freshName, type StoreServer, startPostgres, startRedis, withRedis } from '../../kit/stores.js';

const page = readFileSync(new URL('../../../docs/cluster.md', import.meta.url), 'utf8');
/** Short, so that what a host has not returned comes back soon. */
const LOCK = '--lock 2s';

function urlOf(store: StoreServer): string {
  const connection = store.connection();
  return String('redis' in connection ? connection.redis : connection.postgres);
}

/** A shell in which `$C` is the environment of the store, and `$N` the name of a cluster of its own. */
function clusterAt(url: string): {
  sh: (script: string) => ReturnType<typeof start>;
  run: (script: string) => Promise<Ended>;
  folder: string;
} {
  const folder = newFolder();
  const name = freshName();
  const sh = (script: string): ReturnType<typeof start> => start(`export EVERPOOL_CONNECT='${url}' N='--name ${name}'\n${script}`, folder);
  return { sh, run: (script) => sh(script).ended, folder };
}

async function hostOf({ sh }: ReturnType<typeof clusterAt>, options = ''): Promise<ReturnType<typeof start>> {
  const host = sh(`exec node ${main} serve ${tasks} $N --size 2 ${LOCK} ${options}`);
  await Promise.race([
    until('the host is ready', () => host.err().includes('is ready')),
    host.ended.then(({ err }) => expect(err).toBe('')),
  ]);
  return host;
}

function signal({ child }: ReturnType<typeof start>, name: NodeJS.Signals): void {
  process.kill(child.pid as number, name);
}

async function drained(host: ReturnType<typeof start>): Promise<Ended> {
  signal(host, 'SIGTERM');
  const ended = await host.ended;
  expect(ended.code, ended.err).toBe(0);
  return ended;
}

// Without the check for processes: the store that is started again is a new one.
describe('the command and a store that goes away', () => {
  forEachStore((store) => {
    test('a host says once that the store is away, and that it is back', async () => {
      const cluster = clusterAt(urlOf(store));
      const host = await hostOf(cluster);
      await store.kill();
      await until('it says so', () => host.err().includes('trying again'));
      await store.restart();
      await until('it is back', () => host.err().includes('the store answers again'));
      const { code, err } = await cluster.run('$E map x#square --connect $N --quiet --args 2');
      expect(code, err).toBe(0);
      const said = (await drained(host)).err.split('\n').filter((line) => line.includes('trying again'));
      expect(new Set(said).size).toBe(said.length);
      expect(said.length).toBeLessThanOrEqual(6);
    });
  });
});

describe('the command and a cluster', () => {
  useKit();

  forEachStore((store) => {
    test('a host runs what map sends, is in the status, and drains', async () => {
      const cluster = clusterAt(urlOf(store));
      const host = await hostOf(cluster, '--host first');
      expect(host.err().trim().split('\n')).toEqual([expect.stringContaining('host first is ready')]);
      const squares = await cluster.run('$E map ./not-here.js#square --connect $N --ordered --args 1 2 3');
      expect(squares.code, squares.err).toBe(0);
      expect(squares.lines.map(({ value }) => value)).toEqual([1, 4, 9]);
      expect(squares.err).toContain('3 done, 0 failed');
      const odd = await cluster.run('$E map x#odd --connect $N --ordered --quiet --args 1 2');
      expect([odd.code, odd.lines.map(({ ok }) => ok), odd.lines[1]?.error]).toMatchObject([1, [true, false], { name: 'RangeError' }]);
      const unknown = await cluster.run('$E map x#nothing --connect $N --quiet --args 1');
      expect([unknown.code, unknown.lines[0]?.error?.name]).toEqual([1, 'UnknownTaskError']);
      const json = await cluster.run('$E cluster status $N --json');
      expect(JSON.parse(json.out)).toMatchObject({ queued: 0, running: 0, waiting: 0, hosts: [{ name: 'first', slots: 2 }] });
      const status = await cluster.run('$E cluster status $N');
      expect(status.out).toContain('first, 2 slots');
      const ended = await drained(host);
      expect(ended.err).toContain('drained');
      expect(JSON.parse((await cluster.run('$E cluster status $N --json')).out)).toMatchObject({ hosts: [] });
    });

    test('kill ends tasks of another client, by tag or all', async () => {
      const cluster = clusterAt(urlOf(store));
      const host = await hostOf(cluster);
      for (const [given, what] of [
        ['--tag slow', '--tag slow'],
        ['', '--all'],
      ] as const) {
        writeFileSync(`${cluster.folder}/marks`, '');
        const map = cluster.sh(`$E map x#marksAndSleeps --connect $N --quiet ${given} --args 1 2 3`);
        await until('two run', () => linesOf(`${cluster.folder}/marks`).length >= 2);
        const other = await cluster.run('$E cluster kill $N --tag other');
        expect([other.code, other.out], other.err).toEqual([0, 'ended 0 tasks\n']);
        const killed = await cluster.run(`$E cluster kill $N ${what}`);
        expect([killed.code, killed.out], killed.err).toEqual([0, 'ended 3 tasks\n']);
        const { code, lines, err } = await map.ended;
        expect(code, err).toBe(1);
        expect(lines.map(({ error }) => error?.name)).toEqual(['TaskCancelledError', 'TaskCancelledError', 'TaskCancelledError']);
      }
      await drained(host);
    });

    test('a map with an id is interrupted, and goes on when it is run again: no item runs twice', async () => {
      const cluster = clusterAt(urlOf(store));
      const host = await hostOf(cluster);
      const script = `exec < <(seq 1 60); exec node ${main} map x#marks --connect $N --id nightly --quiet`;
      const first = cluster.sh(script);
      await until('it works', () => linesOf(`${cluster.folder}/marks`).length >= 4);
      signal(first, 'SIGINT');
      const interrupted = await first.ended;
      expect(interrupted.code, interrupted.err).toBe(130);
      expect(interrupted.err).toContain('the hosts go on');
      const again = await cluster.run(script);
      expect(again.code, again.err).toBe(0);
      expect(again.lines.map(({ value }) => value).sort((a, b) => Number(a) - Number(b))).toEqual(
        Array.from({ length: 60 }, (_, index) => index + 1),
      );
      expect(new Set(linesOf(`${cluster.folder}/marks`)).size).toBe(60);
      expect(linesOf(`${cluster.folder}/marks`)).toHaveLength(60);
      await drained(host);
    });

    test('without an id, the first signal finishes what runs and the second kills it', async () => {
      const cluster = clusterAt(urlOf(store));
      const host = await hostOf(cluster);
      const map = cluster.sh(`exec node ${main} map x#marksAndSleeps --connect $N --quiet --args 1 2`);
      await until('two run', () => linesOf(`${cluster.folder}/marks`).length === 2);
      signal(map, 'SIGINT');
      await until('it says so', () => map.err().includes('finishing what runs'));
      signal(map, 'SIGINT');
      const { code, err } = await map.ended;
      expect(code, err).toBe(130);
      await until('nothing runs', async () => JSON.parse((await cluster.run('$E cluster status $N --json')).out).running === 0);
      await drained(host);
    });

    test('a second signal ends a host at once', async () => {
      const cluster = clusterAt(urlOf(store));
      const host = await hostOf(cluster);
      const map = cluster.sh(`exec node ${main} map x#marksAndSleeps --connect $N --quiet --args 1`);
      await until('it runs', () => linesOf(`${cluster.folder}/marks`).length === 1);
      signal(host, 'SIGTERM');
      await until('it drains', () => host.err().includes('draining'));
      signal(host, 'SIGTERM');
      expect((await host.ended).code).toBe(143);
      signal(map, 'SIGKILL');
      await map.ended;
    });

    test('a host needs the secret of its clients, which comes from a file or a variable', async () => {
      const cluster = clusterAt(urlOf(store));
      writeFileSync(`${cluster.folder}/secret`, 'new\nold\n');
      const host = await hostOf(cluster, '--secret-file secret');
      const without = await cluster.run('$E map x#square --connect $N --quiet --args 2');
      expect([without.code, without.out.includes('"ok":true')], without.err).toEqual([1, false]);
      for (const how of ['--secret-file secret', '']) {
        const { code, lines, err } = await cluster.run(`EVERPOOL_SECRET=$'new\\nold' $E map x#square --connect $N --quiet ${how} --args 2`);
        expect([code, lines[0]?.value], err).toEqual([0, 4]);
      }
      await drained(host);
    });
  });
});

describe('the rights that docs/cluster.md gives', () => {
  useKit();

  test('in PostgreSQL suffice for hosts and clients; without them, or with a wrong password, the command says why', async () => {
    const postgres = await startPostgres();
    try {
      const owner = clusterAt(postgres.url());
      const absent = await owner.run(`$E serve ${tasks} $N --no-migrate`);
      expect([absent.code, absent.out], absent.err).toEqual([1, '']);
      expect(absent.err).toContain('everpool cluster migrate');
      for (let run = 0; run < 2; run += 1) {
        const { code, out, err } = await owner.run('$E cluster migrate');
        expect([code, out], err).toEqual([0, expect.stringContaining('the schema everpool')]);
        expect(out).not.toContain(new URL(postgres.url()).password);
      }
      const [, sql = ''] = /```sql\n([\s\S]*?)```/.exec(page) ?? [];
      expect(sql).toContain('CREATE ROLE everpool_app');
      await postgres.query(sql.replace("'…'", "'a-password'"));
      const wrong = await clusterAt(postgres.url('everpool_app', 'not-the-password')).run(`$E serve ${tasks} $N --no-migrate`);
      expect(wrong.code, wrong.err).toBe(1);
      expect(wrong.err).not.toContain('not-the-password');
      const limited = clusterAt(postgres.url('everpool_app', 'a-password'));
      const host = await hostOf(limited, '--no-migrate --host limited');
      const { code, lines, err } = await limited.run('$E map x#square --connect $N --no-migrate --quiet --id batch --args 3');
      expect([code, lines[0]?.value], err).toEqual([0, 9]);
      expect((await limited.run('$E cluster status $N --no-migrate')).out).toContain('limited, 2 slots');
      const killed = await limited.run('$E cluster kill $N --no-migrate --all');
      expect([killed.code, killed.out], killed.err).toEqual([0, 'ended 0 tasks\n']);
      await drained(host);
    } finally {
      await postgres.stop();
    }
  });

  withRedis('in Redis', () => {
    test('suffice for hosts and clients', async () => {
      const redis = await startRedis();
      try {
        const [acl = ''] = /^ACL SETUSER .*$/m.exec(page) ?? [];
        const [, ...words] = acl.replace('PASSWORD', 'a-password').split(' ');
        await redis.cli.call('ACL', ...words);
        const limited = clusterAt(`redis://everpool:a-password@127.0.0.1:${redis.port}`);
        const host = await hostOf(limited, '--host limited');
        const { code, lines, err } = await limited.run('$E map x#square --connect $N --quiet --id batch --args 3');
        expect([code, lines[0]?.value], err).toEqual([0, 9]);
        expect((await limited.run('$E cluster status $N')).out).toContain('limited, 2 slots');
        await drained(host);
        const wrong = await clusterAt(`redis://everpool:not-the-password@127.0.0.1:${redis.port}`).run(`$E serve ${tasks} $N`);
        expect(wrong.code, wrong.err).toBe(1);
        expect(wrong.err).not.toContain('not-the-password');
      } finally {
        await redis.stop();
      }
    });
  });
});
