/**
 * One program for one machine or many: with EVERPOOL_CONNECT, the tasks run on the hosts of a cluster
 * (`everpool serve ./tasks.js`), without it in a pool of this process.
 */
import { Pool } from 'everpool';

/** @param {import('everpool').Executor<typeof import('./tasks.js')>} executor */
async function main(executor) {
  console.log('2 + 3 =', await executor.run('add', [2, 3]));
  for await (const ms of executor.map('compute', [10, 20, 30], { retries: 1 })) console.log(`computed for ${ms} ms`);

  const task = executor.run('compute', [60_000], { tag: 'long' });
  await task.started;
  console.log('killed', await executor.killTasks({ tag: 'long' }), 'task');
  await task.catch((error) => console.log(error.name));
}

const executor = process.env.EVERPOOL_CONNECT ? await cluster(process.env.EVERPOOL_CONNECT) : pool();
try {
  await main(executor);
} finally {
  await executor.close();
}

/** @returns {Pool<typeof import('./tasks.js')>} */
function pool() {
  return new Pool({ module: new URL('./tasks.js', import.meta.url), size: 2 });
}

/**
 * Loaded only where it is needed: a program for one machine installs no BullMQ.
 * @returns {Promise<import('everpool/cluster').Cluster<typeof import('./tasks.js')>>}
 */
async function cluster(url) {
  const { Cluster } = await import('everpool/cluster');
  return new Cluster({ connection: url.startsWith('redis') ? { redis: url } : { postgres: url } });
}
