/** Reads the errors of BullMQ, ioredis and pg. */
import { EverpoolError, OptionsError } from '../../shared/errors.js';
import { StoreError } from '../errors.js';

/** Of BullMQ: the job is missing, its lock is missing, it is not active, its lock is another's. */
const LOST: readonly unknown[] = [-1, -2, -3, -6];

/** Of PostgreSQL, the classes of SQLSTATE: a wrong value, a constraint, more than fits. */
const REFUSED_CLASSES: readonly string[] = ['22', '23', '54'];

/** Redis answers, and the same command may be right later. Old ones wrap it if it is a script's. */
const PASSING =
  /\b(LOADING|BUSY|MASTERDOWN|READONLY|CLUSTERDOWN|TRYAGAIN|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM|NOSCRIPT|UNBLOCKED|EXECABORT)\b/;

const REDIS_REFUSES = /^(NOAUTH|WRONGPASS|NOPERM|ERR (Client sent AUTH|AUTH |invalid (username|password)))/;

/** The password, the user, the database or a right is wrong; or there is no such schema. */
const POSTGRES_REFUSES: readonly unknown[] = ['28P01', '28000', '3D000', '3F000', '42501'];

/** Of BullMQ, when the tables are missing, newer, or the server is too old. */
const MIGRATION_ERRORS: readonly unknown[] = [
  'SchemaMigrationRequiredError',
  'SchemaVersionMismatchError',
  'UnsupportedPostgresVersionError',
];

/** Somebody has dropped the tables, or the functions, of PostgreSQL. */
export function isWithoutTables(error: unknown): boolean {
  return ['42P01', '42883'].includes(field(error, 'code') as string);
}

/** The job is not this host's any more. */
export function isLost(error: unknown): boolean {
  return LOST.includes(field(error, 'code'));
}

/**
 * True if repeating the call cannot help: the store answered, and refuses what it was given. A
 * wrong password or a missing right is none, because somebody may correct it.
 */
export function isRefusal(error: unknown): boolean {
  if (error instanceof OptionsError || error instanceof RangeError) return true; // or too long for a string
  const [code, name] = [field(error, 'code'), field(error, 'name')];
  if (typeof code === 'number') return true; // an answer of BullMQ's own
  if (name === 'ReplyError') return !PASSING.test(messageOf(error));
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && REFUSED_CLASSES.includes(code.slice(0, 2));
}

/** @returns what `ready()` rejects with, if waiting does not help */
export function storeErrorOf(error: unknown): StoreError | undefined {
  if (error instanceof StoreError) return error;
  const message = messageOf(error);
  if (field(error, 'name') === 'SchemaMigrationRequiredError')
    return new StoreError('the store has no tables, and connection.migrate is false: run `everpool cluster migrate` once', {
      cause: error,
    });
  const isRefused =
    (field(error, 'name') === 'ReplyError' && REDIS_REFUSES.test(message)) ||
    POSTGRES_REFUSES.includes(field(error, 'code')) ||
    MIGRATION_ERRORS.includes(field(error, 'name'));
  return isRefused ? new StoreError(`the store refuses: ${message}`, { cause: error }) : undefined;
}

/** What an event of a driver carries may be anything. */
export function asError(error: unknown): Error {
  return error instanceof Error ? error : new EverpoolError(`the store reported ${typeof error}`, 'ERR_EVERPOOL_STORE', { cause: error });
}

export function messageOf(error: unknown): string {
  const message = field(error, 'message');
  if (typeof message === 'string' && message !== '') return message;
  const errors = field(error, 'errors'); // of an AggregateError: each address was tried
  if (Array.isArray(errors) && errors.length > 0) return messageOf(errors[0]);
  const code = field(error, 'code');
  return typeof code === 'string' ? code : 'an error without a message';
}

function field(error: unknown, key: string): unknown {
  return typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>)[key] : undefined;
}
