/** PostgreSQL. */
import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { BackendFactory, IQueueBackend, PostgresConnection, PostgresConnectionOptions, PostgresQueueBackend } from 'bullmq';
import { ignore } from '../../shared/ignore.js';
import type { Role, StoreConnection } from './connection.js';
import type { PostgresTarget } from './connection-options.js';
import { type BullMQ, checkPg, loadBullMQ } from './peers.js';
import { isWithoutTables } from './refusals.js';
import { afterEvents, within } from './waits.js';

const CLOSE_MS = 1500;
const CONNECT_MS = 5000;
const POOL_SIZES: Readonly<Record<Role, number>> = { client: 4, host: 8 };

type PostgresOptions = ConstructorParameters<BullMQ['PostgresQueueBackend']>[2];

/** What there is of a `pg.Pool`. */
interface Pool {
  query<Row>(text: string, values: readonly unknown[]): Promise<{ rows: Row[] }>;
}

export function openPostgres(target: PostgresTarget, role: Role, onError: (error: unknown) => void): StoreConnection {
  checkPg();
  const bullmq = loadBullMQ();
  const max = target.max ?? POOL_SIZES[role];
  const sockets = new Sockets(role);
  const connection = openPool(bullmq, target, max, sockets);
  const pool = connection.pool as unknown as Pool;
  let isClosed = false;
  connection.on('error', (error: unknown) => {
    if (!isClosed) onError(error);
  });
  connection.setMaxListeners(0);

  const backends: PostgresQueueBackend[] = [];
  /** Ends the waits for tasks and for events, which have timers. */
  const interrupt = (): void => {
    for (const backend of backends) {
      backend.disconnectBlocking().catch(ignore);
      backend.disconnect().catch(ignore);
    }
  };

  const factory: BackendFactory = (name, opts, { blocking = false, withBlockingConnection = false } = {}) => {
    // One that blocks hears of a lost connection only if it owns it. But the store closes it.
    const backend = new bullmq.PostgresQueueBackend(connection, name, opts as PostgresOptions, blocking || withBlockingConnection);
    Object.assign(backend, { ownsConnection: false, waitForEvent });
    backends.push(backend);
    return backend;
  };

  return {
    factory,
    breadth: max,
    connect: () => connection.waitUntilReady(),
    async prepare(queues) {
      // Creates the sequence of the queue, which BullMQ does when a job is added.
      for (const queue of queues) await pool.query('SELECT next_job_id($1)', [queue]);
    },
    remove: (backend, id) => remove(pool, backend, id),
    discard: (backend, ids) => discard(pool, backend, ids),
    statuses: (backend, ids) => statuses(pool, backend, ids),
    heads: (backend, ids) => heads(pool, backend, ids),
    async close() {
      isClosed = true;
      const closed = connection.close();
      interrupt();
      await within(CLOSE_MS, closed);
      sockets.destroy();
      await afterEvents();
      interrupt(); // those that have begun to wait meanwhile
    },
  };
}

/** What BullMQ's backend has beside its types. */
interface EventWaits {
  ensureListeningEvents(): Promise<EventEmitter>;
  cancelEventWait: (() => void) | undefined;
  readonly qualifiedName: string;
}

/** As BullMQ's, whose timer keeps the process alive. */
async function waitForEvent(this: EventWaits, timeoutMs: number): Promise<void> {
  const client = await this.ensureListeningEvents();
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      client.removeListener('notification', onNotify);
      this.cancelEventWait = undefined;
      resolve();
    };
    const onNotify = ({ channel, payload }: { readonly channel: string; readonly payload?: string }): void => {
      if (channel === 'bullmq_events' && payload === this.qualifiedName) end();
    };
    const timer = setTimeout(end, timeoutMs).unref();
    this.cancelEventWait = end;
    client.on('notification', onNotify);
  });
}

/** All sockets of one store: a client of pg that is ended waits for its server, for ever. */
class Sockets {
  readonly #role: Role;
  readonly #open = new Set<Duplex>();
  #isClosed = false;

  constructor(role: Role) {
    this.#role = role;
  }

  /** @param make of the program, in the options of pg */
  create(make: unknown, config: unknown): Duplex {
    if (this.#isClosed) throw new Error('the store is closed');
    const socket = typeof make === 'function' ? (make(config) as Duplex) : new Socket();
    // A client that waits for something keeps the process alive; its connections do not.
    if (this.#role === 'client') (socket as Partial<Socket>).unref?.();
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  destroy(): void {
    this.#isClosed = true;
    for (const socket of this.#open) socket.destroy();
  }
}

function openPool(bullmq: BullMQ, { driver, schema, migrate }: PostgresTarget, max: number, sockets: Sockets): PostgresConnection {
  // BullMQ prints once that PostgreSQL 13 is old.
  (bullmq.assertPostgresVersion as unknown as Record<string, boolean>)['_warnedRecommendedVersion'] = true;
  const given = typeof driver === 'string' ? { connectionString: driver } : driver;
  const options = {
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    allowExitOnIdle: true,
    ...given,
    stream: (config: unknown) => sockets.create((given as { stream?: unknown }).stream, config),
    max,
    schema,
    migrate,
  };

  class RetryingConnection extends bullmq.PostgresConnection {
    /** BullMQ's remembers for ever that the store was away at first. */
    override async waitUntilReady(): Promise<void> {
      try {
        await super.waitUntilReady();
      } catch (error) {
        this.begin();
        throw error;
      }
    }

    /** The next call checks the tables, and creates what is missing if it may. */
    begin(): void {
      (this as unknown as { readyPromise: undefined }).readyPromise = undefined;
    }

    /** BullMQ's opens another one for a reader that comes after the end, and nobody closes it. */
    override getListenClient(): ReturnType<PostgresConnection['getListenClient']> {
      return this.isClosing ? Promise.reject(new Error('the store is closed')) : super.getListenClient();
    }
  }

  const connection = new RetryingConnection(options as PostgresConnectionOptions);
  const pool = connection.pool as unknown as Pool;
  const query = pool.query.bind(pool);
  pool.query = async (text, values) => {
    try {
      return await query(text, values);
    } catch (error) {
      if (isWithoutTables(error)) connection.begin();
      throw error;
    }
  };
  return connection;
}

/**
 * `remove` of BullMQ answers 0 for a missing job and for a locked one, 1 for any other, also for a
 * finished one. It reads the lock before it deletes, so it may delete a job that a host takes
 * between the two. With the row locked first, in the same statement, it cannot.
 */
const REMOVE = `
  WITH held AS MATERIALIZED (SELECT state FROM job WHERE queue = $1 AND id = $2 FOR UPDATE)
  SELECT CASE WHEN state IN ('completed', 'failed') THEN 0 ELSE remove($1, $2, false) END AS n FROM held`;

async function remove(pool: Pool, backend: IQueueBackend, id: string): Promise<'removed' | 'taken' | 'missing'> {
  await backend.waitUntilReady();
  const { rows } = await pool.query<{ n: number }>(REMOVE, [backend.qualifiedName, id]);
  const [row] = rows;
  if (row === undefined) return 'missing';
  return row.n === 1 ? 'removed' : 'taken';
}

/** `remove` of BullMQ for many jobs. */
const DISCARD = 'SELECT remove($1, id, false) FROM unnest($2::text[]) AS id';

async function discard(pool: Pool, backend: IQueueBackend, ids: readonly string[]): Promise<void> {
  await backend.waitUntilReady();
  await pool.query(DISCARD, [backend.qualifiedName, ids]);
}

/** `isFinished` of BullMQ for many jobs. */
const STATUSES = 'SELECT id, state, return_value, failed_reason FROM job WHERE queue = $1 AND id = ANY($2::text[])';

interface StatusRow {
  readonly id: string;
  readonly state: string;
  readonly return_value: unknown;
  readonly failed_reason: string | null;
}

async function statuses(pool: Pool, backend: IQueueBackend, ids: readonly string[]): Promise<(readonly [number, unknown])[]> {
  await backend.waitUntilReady();
  const { rows } = await pool.query<StatusRow>(STATUSES, [backend.qualifiedName, ids]);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.map((id) => codeOf(byId.get(id)));
}

function codeOf(row: StatusRow | undefined): readonly [number, unknown] {
  if (row === undefined) return [-1, ''];
  if (row.state === 'completed') return [1, JSON.stringify(row.return_value ?? null)];
  return row.state === 'failed' ? [2, row.failed_reason ?? ''] : [0, row.state];
}

/** Without the arguments, which may be long. */
const HEADS = "SELECT id, data ->> 'head' AS head FROM job WHERE queue = $1 AND id = ANY($2::text[])";

async function heads(pool: Pool, backend: IQueueBackend, ids: readonly string[]): Promise<unknown[]> {
  await backend.waitUntilReady();
  const { rows } = await pool.query<{ id: string; head: unknown }>(HEADS, [backend.qualifiedName, ids]);
  const byId = new Map(rows.map(({ id, head }) => [id, head]));
  return ids.map((id) => byId.get(id));
}
