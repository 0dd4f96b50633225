/** BullMQ as one would use it without everpool, on either store. */
import { createRequire } from 'node:module';

// As everpool: BullMQ's CommonJS build, the only one that loads pg by itself.
const require = createRequire(import.meta.url);
// biome-ignore lint/correctness/noUndeclaredDependencies: it is one of the project that bench/ is in
const { createPostgresBackend, Queue, QueueEvents, Worker } = require('bullmq');

function optionsFor({ redis, postgres }) {
  if (redis !== undefined) return [{ connection: { url: redis, maxRetriesPerRequest: null }, prefix: 'raw' }, undefined];
  return [{ connection: { connectionString: postgres, schema: 'raw', migrate: true, max: 8 } }, createPostgresBackend];
}

export function rawQueue(connection, name) {
  const [options, backend] = optionsFor(connection);
  return new Queue(name, { ...options, defaultJobOptions: { removeOnComplete: 1000 } }, backend);
}

export function rawEvents(connection, name) {
  const [options, backend] = optionsFor(connection);
  return new QueueEvents(name, options, backend);
}

export function rawWorker(connection, name, concurrency, onDone) {
  const [options, backend] = optionsFor(connection);
  const worker = new Worker(name, async () => undefined, { ...options, concurrency }, backend);
  worker.on('completed', onDone);
  worker.on('failed', onDone); // on PostgreSQL, a deadlock in the report of a result
  worker.on('error', (error) => console.error(error.message));
  return worker;
}
