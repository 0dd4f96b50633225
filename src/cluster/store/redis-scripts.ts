/** Scripts of BullMQ for Redis, run more carefully, or for many jobs in one call. */
import type { IQueueBackend, RedisConnection } from 'bullmq';
import type { Redis } from 'ioredis';
import { type BullMQ, loadScript } from './peers.js';

const REMOVE = 'everpoolRemove';
const DISCARD = 'everpoolDiscard';
const ADD = 'everpoolAdd';

/** So many at a time: everybody else waits meanwhile. */
const MOST_DISCARDED = 100;
const MOST_ADDED = 50;

export function defineScripts(client: Redis): void {
  client.defineCommand(REMOVE, { numberOfKeys: 4, lua: removeScript() });
  client.defineCommand(DISCARD, { numberOfKeys: 1, lua: discardScript() });
  client.defineCommand(ADD, { numberOfKeys: ADD_KEYS, lua: addScript() });
}

/**
 * `remove` of BullMQ answers 0 for a locked job, and 1 for any other, also for one that is missing
 * or finished. A task may be taken and finish between two calls, so its script is asked for these
 * two first. One whose lock has expired is removed: its host was silent.
 */
function removeScript(): string {
  return `
    if redis.call('ZSCORE', KEYS[3], ARGV[1]) or redis.call('ZSCORE', KEYS[4], ARGV[1]) then return 0 end
    if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
    ${loadScript('removeJob')}`;
}

export async function remove(main: RedisConnection, backend: IQueueBackend, id: string): Promise<'removed' | 'taken' | 'missing'> {
  const client = await main.client;
  const keys = [id, 'repeat', 'completed', 'failed'].map((type) => backend.toKey(type));
  const answer = await client.runCommand(REMOVE, [...keys, id, '0', backend.toKey('')]);
  if (answer === -1) return 'missing';
  return answer === 1 ? 'removed' : 'taken';
}

/** A script as a function, which sends no event: each client would read it, and none awaits it. */
function silent(name: string, script: string): string {
  return `
    local call, pcall = redis.call, redis.pcall
    local redis = { pcall = pcall, call = function(command, ...) return command ~= 'XADD' and call(command, ...) end }
    local function ${name}(KEYS, ARGV)
      ${script}
    end`;
}

/** `remove` of BullMQ for many jobs. */
function discardScript(): string {
  return `${silent('remove', loadScript('removeJob'))}
    for at = 2, #ARGV do remove({ ARGV[1] .. ARGV[at], KEYS[1] }, { ARGV[at], '0', ARGV[1] }) end`;
}

export async function discard(main: RedisConnection, backend: IQueueBackend, ids: readonly string[]): Promise<void> {
  const client = await main.client;
  const keys = [backend.toKey('repeat'), backend.toKey('')];
  await Promise.all(chunks(ids, MOST_DISCARDED).map((some) => client.runCommand(DISCARD, [...keys, ...some])));
}

const ADD_KEYS = 9;
/** What BullMQ's script takes for each job. */
const ADD_ARGS = 3;

function addScript(): string {
  return `${silent('add', loadScript('addPrioritizedJob'))}
    local answers = {}
    for at = 1, #ARGV, ${ADD_ARGS} do
      answers[#answers + 1] = add(KEYS, { ARGV[at], ARGV[at + 1], ARGV[at + 2] })
    end
    return answers`;
}

type Backend = InstanceType<BullMQ['RedisQueueBackend']>;
type Entries = Parameters<Backend['addJobs']>[0];

/** Adds many jobs with a priority in a few calls; BullMQ makes a call for each, of nine keys. */
export function bulkBackendClass(bullmq: BullMQ, main: RedisConnection): BullMQ['RedisQueueBackend'] {
  return class extends bullmq.RedisQueueBackend {
    override async addJobs(entries: Entries): Promise<string[]> {
      if (!entries.every(({ job }) => (job.opts?.priority ?? 0) > 0)) return super.addJobs(entries);
      let keys: readonly unknown[] = [];
      const jobs: unknown[][] = [];
      const recorder = {
        runCommand(_name: string, args: unknown[]): number {
          keys = args.slice(0, ADD_KEYS);
          jobs.push(args.slice(ADD_KEYS));
          return 0;
        },
      } as never;
      for (const { job, jobId, parentKeyOpts } of entries) void this.addJobToTransaction(recorder, job, jobId, parentKeyOpts);
      const client = await main.client;
      const calls = chunks(jobs, MOST_ADDED).map((some) => client.runCommand(ADD, [...keys, ...some.flat()] as never));
      return ((await Promise.all(calls)) as (string | number)[][]).flat().map(idOf);
    }
  };
}

/** @throws RangeError for a job that BullMQ refuses */
function idOf(answer: string | number): string {
  if (typeof answer === 'number' && answer < 0) throw new RangeError(`the store refuses a task: ${answer}`);
  return String(answer);
}

function chunks<T>(all: readonly T[], most: number): T[][] {
  const some: T[][] = [];
  for (let at = 0; at < all.length; at += most) some.push(all.slice(at, at + most));
  return some;
}
