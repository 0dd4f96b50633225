/** Redis or Valkey. */
import type { BackendFactory, RedisConnection } from 'bullmq';
import type { Redis } from 'ioredis';
import { ignore } from '../../shared/ignore.js';
import { StoreError } from '../errors.js';
import type { Role, StoreConnection } from './connection.js';
import type { RedisTarget } from './connection-options.js';
import { type BullMQ, loadBullMQ, loadIORedis } from './peers.js';
import { redisClient, type StoreClient } from './redis-client.js';
import { readEvents } from './redis-events.js';
import { bulkBackendClass, defineScripts, discard, remove } from './redis-scripts.js';
import { afterEvents, within } from './waits.js';

const CLOSE_MS = 1500;
const MOST_RETRY_MS = 2000;

export function openRedis(target: RedisTarget, role: Role, onError: (error: unknown) => void): StoreConnection {
  const bullmq = loadBullMQ();
  const Client = redisClient(loadIORedis(), () => isClosed);
  const open: { readonly connection: RedisConnection; readonly client: StoreClient }[] = [];
  let isClosed = false;

  function connectionOf(name: string, isBlocking: boolean): RedisConnection {
    const options = {
      connectionName: name,
      maxRetriesPerRequest: null,
      enableOfflineQueue: true,
      lazyConnect: false,
      maxLoadingRetryTime: 500,
      // ioredis waits for this time even if the connection has ended long ago.
      disconnectTimeout: 0,
      enableAutoPipelining: role === 'client' && !isBlocking,
      // A wrong password is retried too: some connections of many clients must not be a flood.
      retryStrategy: (times: number) => (isClosed ? null : Math.min(50 * 2 ** times, MOST_RETRY_MS)),
    };
    const { driver } = target;
    const client = typeof driver === 'string' ? new Client(driver, options) : new Client({ ...driver, ...options });
    const connection = new (checkedConnection(bullmq))(client, { blocking: isBlocking, shared: false });
    connection.on('error', (error: unknown) => {
      if (!isClosed) onError(error);
    });
    connection.client.catch(ignore); // `connect` reports it
    if (role === 'client') letExit(client);
    client.on('error', ignore); // BullMQ stops to listen when it closes, and ioredis prints then
    defineScripts(client);
    open.push({ connection, client });
    return connection;
  }

  const withPrefix = <O extends object>(opts: O): O => ({ ...opts, prefix: target.prefix });
  const keys = new bullmq.QueueKeys(target.prefix);
  const main = connectionOf(`${target.prefix}:${role}`, false);
  const Backend = bulkBackendClass(bullmq, main);
  const factory: BackendFactory = (name, opts, { blocking = false, withBlockingConnection = false } = {}) => {
    const connection = blocking ? connectionOf(`${target.prefix}:${role}:events`, true) : main;
    const waiting = withBlockingConnection ? connectionOf(`${target.prefix}:${role}:tasks`, true) : undefined;
    const keyOf = (type: string): string => keys.toKey(name, type);
    const backend = new Backend(connection, name, keys.getKeys(name), keyOf, withPrefix(opts), waiting, false);
    return Object.assign(backend, { readEvents });
  };

  return {
    factory,
    breadth: 500,
    async connect() {
      await main.client;
    },
    prepare: async () => undefined,
    remove: (backend, id) => remove(main, backend, id),
    discard: (backend, ids) => discard(main, backend, ids),
    heads: (backend, ids) => Promise.all(ids.map(async (id) => headOf((await backend.getJobData(id))?.data))),
    statuses: (backend, ids) => Promise.all(ids.map(async (id) => (await backend.isFinished(id, true)) as readonly [number, unknown])),
    async close() {
      isClosed = true;
      await within(CLOSE_MS, Promise.all(open.map(({ connection }) => connection.close(true))));
      // BullMQ waits for the commands. Of a store that is away, ioredis keeps them.
      for (const { client } of open) client.rejectAll();
      await afterEvents();
    },
  };
}

/** Its connections keep no process alive: a client that waits for something does. */
function letExit(client: StoreClient): void {
  client.on('connect', () => client.stream.unref());
  client.on('reconnecting', () => (client as unknown as { reconnectTimeout: NodeJS.Timeout | null }).reconnectTimeout?.unref());
}

function headOf(data: unknown): unknown {
  try {
    return (JSON.parse(String(data)) as { readonly head?: unknown } | null)?.head;
  } catch {
    return undefined;
  }
}

type ConnectionClass = new (client: Redis, options: { blocking: boolean; shared: boolean }) => RedisConnection;

/** BullMQ prints a wrong policy or an old version to the console; here they are refused. */
function checkedConnection(bullmq: BullMQ): ConnectionClass {
  const Base = bullmq.RedisConnection as unknown as new (...args: unknown[]) => { _client: Redis };
  class CheckedConnection extends Base {
    async getRedisVersionAndType(): Promise<Fitness> {
      return readInfo(await this._client.info());
    }
  }
  return CheckedConnection as unknown as ConnectionClass;
}

interface Fitness {
  readonly version: string;
  readonly databaseType: 'redis' | 'valkey' | 'dragonfly';
}

/** @throws StoreError */
function readInfo(info: string): Fitness {
  const field = (name: string): string | undefined => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const policy = field('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction')
    throw new StoreError(`the maxmemory-policy of this Redis is ${policy}, so it may drop tasks: it has to be noeviction`);
  const valkey = field('valkey_version');
  const dragonfly = field('dragonfly_version');
  const version = valkey ?? dragonfly ?? field('redis_version') ?? '6.2.0';
  const [major = 0, minor = 0] = version.replace(/^\D+/, '').split('.').map(Number);
  if (dragonfly === undefined && (major < 6 || (major === 6 && minor < 2)))
    throw new StoreError(`this Redis is ${version}, and everpool needs 6.2 or newer`);
  return { version, databaseType: valkey !== undefined ? 'valkey' : dragonfly !== undefined ? 'dragonfly' : 'redis' };
}
