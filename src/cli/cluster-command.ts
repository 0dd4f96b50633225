/** `everpool cluster status | kill | migrate`: a cluster from outside. */
import { Command } from 'commander';
import type { Cluster } from '../cluster/cluster.js';
import type { ClusterStats } from '../cluster/types.js';
import { guarded, refuseTwice } from './command-line.js';
import { addConnectOptions, type ConnectFlags, type Place, placeOf } from './connect.js';
import { EXIT, UsageError } from './exit.js';

interface StatusFlags extends ConnectFlags {
  readonly json?: boolean;
}
interface KillFlags extends ConnectFlags {
  readonly tag?: string;
  readonly all?: boolean;
  readonly task?: string;
}

export function clusterCommand(): Command {
  const command = new Command('cluster').exitOverride().description('shows a cluster, ends its tasks, prepares its database');
  command.addCommand(
    withStore(new Command('status').description('shows the tasks and the hosts').option('--json', 'as one line of JSON'), status),
  );
  command.addCommand(
    withStore(
      new Command('kill')
        .description('ends tasks of all clients: waiting ones never start, running ones are killed')
        .option('--tag <text>', 'those with this tag')
        .option('--task <id>', 'the one with this id')
        .option('--all', 'all tasks'),
      kill,
    ),
  );
  command.addCommand(
    withStore(new Command('migrate').description('creates or updates the tables in PostgreSQL; Redis needs nothing'), migrate),
  );
  return command;
}

function withStore<F extends ConnectFlags>(command: Command, run: (flags: F, place: Place) => Promise<void>): Command {
  addConnectOptions(command.exitOverride()).action(async (flags: F) => {
    process.exitCode = await guarded(async () => {
      const place = placeOf(flags);
      return await guarded(async () => {
        await run(flags, place);
        return EXIT.ok;
      }, place.clean);
    });
  });
  refuseTwice(command);
  return command;
}

async function status({ json }: StatusFlags, place: Place): Promise<void> {
  await withCluster(place, async (cluster) => {
    const stats = await cluster.stats();
    process.stdout.write(json === true ? `${JSON.stringify({ name: cluster.name, ...view(stats) })}\n` : table(cluster, place, stats));
  });
}

function view({ cluster, hosts }: ClusterStats): object {
  return { ...cluster, hosts };
}

function table({ name, queueName }: Cluster, { shown }: Place, { cluster, hosts }: ClusterStats): string {
  const slots = hosts.reduce((sum, host) => sum + host.slots, 0);
  const rows = [
    ['queued', String(cluster.queued)],
    ['running', `${cluster.running} of ${slots}`],
    ['waiting', `${cluster.waiting} for a retry`],
    ['kept', `${cluster.kept} finished: results that nobody has read, and those of named batches`],
    ['hosts', hosts.length === 0 ? 'none' : String(hosts.length)],
    ...hosts.map((host) => ['', `${host.name}, ${host.slots} ${host.slots === 1 ? 'slot' : 'slots'}`]),
  ];
  const lines = rows.map(([head = '', text]) => `${head.padEnd(9)}${text}`);
  return `${[`cluster ${name} on ${shown} (queue ${queueName})`, ...lines].join('\n')}\n`;
}

async function kill({ tag, task, all }: KillFlags, place: Place): Promise<void> {
  if ([tag, task, all].filter((each) => each !== undefined).length !== 1) throw new UsageError('expected one of --tag, --task and --all');
  await withCluster(place, async (cluster) => {
    if (task !== undefined) {
      await cluster.end(task, { how: 'kill', reason: 'everpool cluster kill' });
      process.stdout.write(`ended ${task}\n`);
      return;
    }
    const count = await cluster.killTasks({ tag, everywhere: true, reason: 'everpool cluster kill' });
    process.stdout.write(`ended ${count} ${count === 1 ? 'task' : 'tasks'}\n`);
  });
}

async function migrate(_flags: ConnectFlags, { connection, name, shown }: Place): Promise<void> {
  if ('redis' in connection) {
    process.stdout.write('nothing to do: Redis has no tables\n');
    return;
  }
  if (connection.migrate === false) throw new UsageError('--no-migrate: that is what this command is for');
  const { migrate: run } = await import('../cluster/migrate.js');
  const schema = await run(connection, name);
  process.stdout.write(`the tables in the schema ${schema} of ${shown} are up to date\n`);
}

async function withCluster({ connection, name, secret }: Place, use: (cluster: Cluster) => Promise<void>): Promise<void> {
  const { Cluster } = await import('../cluster/index.js');
  const cluster = new Cluster({ connection, name, secret });
  try {
    await cluster.ready();
    await use(cluster);
  } finally {
    await cluster.detach();
  }
}
