/** Checks the options of a client, and those of its methods that a pool does not have. */

import { killTasksTable } from '../../pool/options/method-options.js';
import { anything, type Resolved, readOptions, type Table } from '../../pool/options/option-table.js';
import {
  noTaskOptions,
  type ResolvedMapOptions,
  type ResolvedTaskOptions,
  resolveMapOptions,
  resolveTaskDefaults,
} from '../../pool/options/task-options.js';
import type { MapOptions } from '../../pool/types.js';
import {
  boolean,
  check,
  checkSignal,
  integerFrom1,
  limitFrom1,
  oneOf,
  periodMs,
  plainObject,
  type Rule,
  readBy,
  waitMs,
} from '../../shared/check.js';
import { OptionsError } from '../../shared/errors.js';
import { clusterName, DEFAULT_NAME, DEFAULT_PAYLOAD_LIMIT, readConnection, readSecret } from '../options.js';
import type { ClusterMapOptions, ClusterOptions, Connection } from '../types.js';

const batchId: Rule<string> = {
  text: '1 to 100 letters, digits, and - _ .',
  holds: (value): value is string => typeof value === 'string' && /^[\w.-]{1,100}$/.test(value),
};

export type ResolvedClusterOptions = Resolved<
  ClusterOptions,
  'signal',
  { readonly connection: Connection; readonly task: ResolvedTaskOptions; readonly secret: readonly string[] }
>;

export const clusterTable: Table<ResolvedClusterOptions> = {
  connection: [readConnection],
  name: [clusterName, DEFAULT_NAME],
  task: [(_path, value) => readDefaults(value), noTaskOptions],
  pendingLimit: [limitFrom1, Number.POSITIVE_INFINITY],
  payloadLimit: [integerFrom1, DEFAULT_PAYLOAD_LIMIT],
  sweepMs: [periodMs, 2000],
  secret: [readSecret, []],
  connectTimeoutMs: [waitMs, 10_000],
  signal: [checkSignal, undefined],
};

function readDefaults(value: unknown): ResolvedTaskOptions {
  const task = resolveTaskDefaults(value);
  checkPriority('task.priority', task.priority);
  return task;
}

/** @throws OptionsError */
export function resolveClusterOptions(options: ClusterOptions): ResolvedClusterOptions {
  return readOptions(clusterTable, '', options);
}

const priority: Rule<number> = {
  text: 'an integer from -1000000 to 999999',
  holds: (value): value is number => Number.isSafeInteger(value) && (value as number) >= -1_000_000 && (value as number) <= 999_999,
};

/** The stores have no fractions. @throws OptionsError */
export function checkPriority(path: string, value: number): void {
  check(path, priority, value);
}

export interface ResolvedClusterMap extends ResolvedMapOptions {
  readonly id: string | undefined;
}

const NOT_HERE: Readonly<Record<string, string>> = {
  chunkSize: 'each item of a cluster is a task of its own',
  journal: 'a cluster has the batches with an id: they outlive their client',
  resume: 'a batch with an id goes on where it was',
};

/** @throws OptionsError */
export function resolveClusterMap(options: ClusterMapOptions | undefined, defaults: ResolvedTaskOptions): ResolvedClusterMap {
  if (options === undefined) return { ...resolveMapOptions(undefined, defaults), id: undefined };
  const given = plainObject('options', options);
  const { id, ...rest } = readBy('options', () => ({ ...given })) as ClusterMapOptions;
  for (const [key, why] of Object.entries(NOT_HERE)) {
    if ((rest as Record<string, unknown>)[key] !== undefined)
      throw new OptionsError(`${key}: there is no such option in a cluster: ${why}`);
  }
  const resolved = resolveMapOptions(rest as MapOptions, defaults);
  checkPriority('priority', resolved.task.priority);
  return { ...resolved, id: id === undefined ? undefined : check('id', batchId, id) };
}

/** @throws OptionsError */
export function checkBatchId(id: unknown): string {
  return check('batchId', batchId, id);
}

const endTable: Table<{ readonly how: 'cancel' | 'kill'; readonly reason: unknown }> = {
  how: [oneOf('cancel', 'kill'), 'kill'],
  reason: [anything, undefined],
};

/** @throws OptionsError */
export function checkEndOptions(options: unknown): { readonly how: 'cancel' | 'kill'; readonly reason: unknown } {
  return readOptions(endTable, '', options);
}

const killTable = { ...killTasksTable, everywhere: [boolean, false] } as const satisfies Table<object>;

/** @throws OptionsError */
export function checkKillOptions(options: unknown): {
  readonly tag: string | undefined;
  readonly queued: boolean;
  readonly running: boolean;
  readonly reason: unknown;
  readonly everywhere: boolean;
} {
  return readOptions(killTable as Table<ReturnType<typeof checkKillOptions>>, '', options);
}

/** The store refuses any other. */
const taskId: Rule<string> = {
  text: 'the id of a task: one to 250 letters, digits and - _ . @',
  holds: (value): value is string => typeof value === 'string' && /^[\w.@-]{1,250}$/.test(value),
};

/** @throws OptionsError */
export function checkTaskId(id: unknown): string {
  return check('taskId', taskId, id);
}
