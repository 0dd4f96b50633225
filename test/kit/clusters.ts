/** The real client, in this process or in one of its own, and the store as others may touch it. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IQueueBackend } from 'bullmq';
import { Cluster, type ClusterMapOptions, type ClusterOptions, type Connection } from 'everpool/cluster';
import { Redis } from 'ioredis';
import pg from 'pg';
import { openConnection } from '../../src/cluster/store/connection.js';
import { checkConnection } from '../../src/cluster/store/connection-options.js';
import type * as Tasks from '../fixtures/cluster/tasks.js';
import { atEnd, ledgerOf, Program, type Said } from './hosts.js';
import { newFolder } from './pools.js';

export type ClusterTasks = typeof Tasks;
type Given = Omit<Partial<ClusterOptions>, 'connection' | 'name'>;

/** Ended by `endAll`. */
export function newCluster(connection: Connection, name: string, options: Given = {}): Cluster<ClusterTasks> {
  const cluster = new Cluster<ClusterTasks>({ sweepMs: 500, ...options, connection, name });
  atEnd(() => cluster.terminate());
  return cluster;
}

// ---- a client as a process

export interface ClientSaid extends Said {
  readonly index?: number;
  readonly status?: 'fulfilled' | 'rejected';
  readonly value?: unknown;
  readonly code?: string;
  readonly byEvent?: number;
  readonly bySweep?: number;
}

export interface ClientBatch extends ClusterMapOptions {
  /** Of the task. */
  readonly name: string;
  readonly count: number;
  /** Of each item; `%` is its index. */
  readonly args: readonly unknown[];
  /** Its input does not end after `count` items. */
  readonly endless?: boolean;
}

export class ClientProcess extends Program<ClientSaid> {
  get outcomes(): ClientSaid[] {
    return this.events.filter(({ event }) => event === 'outcome');
  }
}

export interface ClientSettings {
  readonly options?: Given;
  /** client.js, or a copy of it beside another everpool. */
  readonly program?: string;
  readonly flags?: readonly string[];
}

export function newClientProcess(
  connection: Connection,
  name: string,
  batch: ClientBatch,
  { options, program = fixtureOf(ROOT, 'client.js'), flags }: ClientSettings = {},
): ClientProcess {
  const client = new ClientProcess(program, { options: { sweepMs: 500, ...options, connection, name }, batch }, flags);
  atEnd(() => client.ended());
  return client;
}

// ---- everpool without one of its protections

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function fixtureOf(root: string, name: string): string {
  return join(root, 'test', 'fixtures', 'cluster', name);
}

export interface Weakening {
  /** In dist/cluster/. */
  readonly file: string;
  /** Occurs once in it. */
  readonly find: string;
  readonly replace: string;
}

/** A copy of everpool with one text of it replaced: the programs of a host and of a client over it. */
export function weakened({ file, find, replace }: Weakening): { host: string; client: string } {
  const root = newFolder();
  cpSync(join(ROOT, 'dist'), join(root, 'dist'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  cpSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  for (const name of ['host.js', 'client.js']) {
    mkdirSync(dirname(fixtureOf(root, name)), { recursive: true });
    cpSync(fixtureOf(ROOT, name), fixtureOf(root, name));
  }
  const path = join(root, 'dist', 'cluster', file);
  const parts = readFileSync(path, 'utf8').split(find);
  if (parts.length !== 2) throw new Error(`the text occurs ${parts.length - 1} times in ${file}: ${find}`);
  writeFileSync(path, parts.join(replace));
  return { host: fixtureOf(root, 'host.js'), client: fixtureOf(root, 'client.js') };
}

// ---- the ledger

/** How often each name of the ledger has started. */
export function startsIn(file: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { what, name } of ledgerOf(file)) if (what === 'start') counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** The names that have started more than once. */
export function startedAgain(file: string): string[] {
  return [...startsIn(file)].filter(([, count]) => count > 1).map(([name]) => name);
}

// ---- somebody else at the store

export async function atStore<T>(connection: Connection, name: string, act: (backend: IQueueBackend) => Promise<T>): Promise<T> {
  const opened = openConnection(checkConnection('connection', connection), 'client', () => undefined);
  await opened.connect();
  try {
    return await act(opened.factory(name, { connection: {} }));
  } finally {
    await opened.close();
  }
}

/** Puts events into the stream of the tasks. */
export async function publish(connection: Connection, name: string, events: readonly Record<string, string>[]): Promise<void> {
  await atStore(connection, name, async (backend) => {
    for (const event of events) await backend.publishEvent(event, 50_000);
  });
}

/** Removes all events of the tasks, read or not. */
export async function removeEvents(connection: Connection, name: string): Promise<void> {
  if ('redis' in connection) {
    const client = new Redis(connection.redis as string);
    await client.del(`${connection.prefix}:${name}:events`);
    client.disconnect();
    return;
  }
  const client = new pg.Client({ connectionString: connection.postgres as string });
  await client.connect();
  await client.query(`DELETE FROM "${connection.schema}".event WHERE queue = $1`, [name]);
  await client.end();
}
