/** Creates or updates the tables in PostgreSQL: `everpool cluster migrate`. */
import { DEFAULT_NAME } from './options.js';
import { openConnection, Readiness } from './store/connection.js';
import { checkConnection, checkQueueName } from './store/connection-options.js';
import { Queues } from './store/queues.js';
import type { PostgresConnection } from './types.js';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * What a deployment runs with more rights than clients and hosts have. Changes nothing if all is up
 * to date. Resolves with the name of the schema.
 * @param name of the cluster, whose sequences are created, too
 * @throws OptionsError, StoreError
 */
export async function migrate(connection: PostgresConnection, name: string = DEFAULT_NAME): Promise<string> {
  const target = checkConnection('connection', { ...connection, migrate: true, max: 1 });
  checkQueueName('name', name);
  const readiness = new Readiness();
  const store = openConnection(target, 'client', (error) => readiness.saw(error));
  try {
    await readiness.reach(async () => {
      await store.connect();
      await store.prepare(Queues.namesOf(name));
    }, CONNECT_TIMEOUT_MS);
  } finally {
    await store.close();
  }
  return 'schema' in target ? target.schema : '';
}
