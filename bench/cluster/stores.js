/** The stores of the benchmark: a PostgreSQL of the packages, and a Redis if there is one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../examples/cluster/postgres.js';

/** name → `{ connection, pid, stop }`; Redis is missing where it is not installed. */
export async function startStores(names) {
  const stores = {};
  if (names.includes('Redis')) {
    const redis = await startRedis();
    if (redis === undefined) console.error('redis-server is not installed: PostgreSQL only');
    else stores['Redis'] = redis;
  }
  if (names.includes('PostgreSQL')) {
    const { url, ...rest } = await startPostgres();
    stores['PostgreSQL'] = { connection: { postgres: url }, ...rest };
  }
  return stores;
}

async function startRedis() {
  const folder = mkdtempSync(join(tmpdir(), 'everpool-bench-redis-'));
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'yes'];
  const redis = spawn('redis-server', [...options, '--maxmemory-policy', 'noeviction'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const end = () => redis.kill('SIGKILL');
  process.once('exit', end);
  const isThere = await new Promise((resolve) => {
    redis.once('error', () => resolve(false));
    redis.once('exit', () => resolve(false));
    redis.stdout.on('data', (chunk) => String(chunk).includes('Ready to accept connections') && resolve(true));
  });
  const remove = () => {
    process.removeListener('exit', end);
    rmSync(folder, { recursive: true, force: true });
  };
  if (!isThere) {
    remove();
    return undefined;
  }
  return {
    connection: { redis: `redis://127.0.0.1:${port}` },
    pid: redis.pid,
    async stop() {
      if (redis.exitCode === null) {
        redis.kill('SIGTERM');
        await once(redis, 'exit');
      }
      remove();
    },
  };
}
