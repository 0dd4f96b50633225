/** Checks the options of a host and fills in every default. */
import { hostname } from 'node:os';
import { type Reader, type Resolved, readOptions, type Table } from '../../pool/options/option-table.js';
import { poolTable } from '../../pool/options/pool-options.js';
import type { PoolOptions } from '../../pool/types.js';
import { checkSignal, integerFrom0, integerFrom1, invalid, periodMs, plainObject, type Rule, readBy, waitMs } from '../../shared/check.js';
import { clusterName, DEFAULT_NAME, DEFAULT_PAYLOAD_LIMIT, readConnection, readSecret } from '../options.js';
import type { ServeOptions } from '../types.js';

/** Below this, a host that is merely busy would lose its tasks. */
const lockMs: Rule<number> = {
  text: 'a finite number of milliseconds >= 1000',
  holds: (value): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 1000,
};

const { module: _module, name: _name, queueLimit: _queueLimit, task: _task, signal: _signal, ...hostPoolTable } = poolTable;

/** Returns a copy for the constructor of the pool, which reads it again. */
const readPool: Reader<PoolOptions> = (path, value) => {
  const given = plainObject(path, value);
  const copy = readBy(path, () => ({ ...given }));
  readOptions(hostPoolTable, path, copy);
  return copy;
};

type Given = Resolved<
  ServeOptions,
  'signal',
  { readonly pool: PoolOptions; readonly secret: readonly string[]; readonly checkMs: number | undefined }
>;

export interface ResolvedServeOptions extends Omit<Given, 'checkMs'> {
  readonly checkMs: number;
}

export const serveTable: Table<Given> = {
  connection: [readConnection],
  name: [clusterName, DEFAULT_NAME],
  host: [clusterName, `${hostname().replace(/[^A-Za-z0-9\-_.@]/g, '-')}.${process.pid}`],
  pool: [readPool, {}],
  lockMs: [lockMs, 15_000],
  checkMs: [periodMs, undefined],
  drainMs: [waitMs, 25_000],
  payloadLimit: [integerFrom1, DEFAULT_PAYLOAD_LIMIT],
  inlineLimit: [integerFrom0, 65_536],
  keepMs: [periodMs, 3_600_000],
  secret: [readSecret, []],
  signal: [checkSignal, undefined],
};

/** @throws OptionsError */
export function resolveServeOptions(options: ServeOptions): ResolvedServeOptions {
  const given = readOptions(serveTable, '', options);
  return { ...given, checkMs: given.checkMs ?? given.lockMs / 3 };
}

const closeTable: Table<{ readonly drainMs: number | undefined }> = { drainMs: [waitMs, undefined] };

/** The options of `close`. @throws OptionsError */
export function readCloseOptions(options: unknown): { readonly drainMs: number | undefined } {
  return readOptions(closeTable, '', options);
}

/** The options that reach the pool: the module is required here. @throws OptionsError */
export function hostPoolOptions(module: unknown, { name, pool }: Pick<ResolvedServeOptions, 'name' | 'pool'>): PoolOptions {
  if (module === undefined) throw invalid('module', 'the path or the URL of a task module', module);
  return { ...pool, module: module as string, name };
}
