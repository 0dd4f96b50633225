/**
 * A host or a worker of BullMQ as a process of its own. By messages of the parent: `{ start }`, and `{ ask }` for
 * the CPU time since the start and the number of finished jobs.
 */
import { serve } from '../../dist/cluster/index.js';
import { rawWorker } from './raw.js';

let done = 0;

process.on('message', async ({ start, ask }) => {
  if (ask !== undefined) {
    const { user, system } = process.cpuUsage();
    process.send({ cpuUs: user + system, done });
    return;
  }
  const { kind, connection, name, slots, ...options } = start;
  if (kind === 'raw') {
    const worker = rawWorker(connection, name, slots, () => {
      done += 1;
    });
    await worker.waitUntilReady();
  } else {
    const size = Math.min(2, slots);
    const host = await serve(new URL('./tasks.js', import.meta.url), {
      connection,
      name,
      pool: { size, concurrency: slots / size },
      ...options,
    });
    host.on('storeError', ({ error }) => console.error(error.message));
  }
  process.send({ isReady: true });
});
process.on('disconnect', () => process.exit());
