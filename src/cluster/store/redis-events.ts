/** BullMQ's wait for the events of a Redis, with a watchdog that keeps no process alive. */
import type { RedisConnection } from 'bullmq';
import { ignore } from '../../shared/ignore.js';

/** After the time that the Redis may take. */
const LATE_MS = 1000;

type Events = [stream: string, [id: string, fields: string[]][]][] | null;

interface Backend {
  readonly connection: RedisConnection;
  readonly queue: { readonly keys: { readonly events: string } };
}

/**
 * ioredis sends an interrupted call again after a reconnect, and may wait for its answer for ever.
 * So one that is late is abandoned, with its connection.
 */
export async function readEvents(this: Backend, id: string, blockMs: number): Promise<Events> {
  const { connection, queue } = this;
  const client = await connection.client;
  const read = client.xread([{ key: queue.keys.events, id }], { BLOCK: blockMs }) as Promise<Events>;
  let isLate = false;
  // A timer that were left would hold the events for as long.
  const events = await new Promise<Events>((resolve, reject) => {
    const timer = setTimeout(() => {
      isLate = true;
      resolve(null);
    }, blockMs + LATE_MS).unref();
    read.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
  if (isLate) await reset(connection).catch(ignore); // the next call tries again
  return events;
}

/** One without a socket must connect first: ioredis would never connect again otherwise. */
async function reset(connection: RedisConnection): Promise<void> {
  await connection.reconnect();
  await connection.disconnect(true);
  await connection.reconnect();
}
