/**
 * The options of every command that needs a store: where it is, which cluster, and the secrets.
 * What these commands print passes through `clean`, so that no password of an URL is in it.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Connection } from '../cluster/types.js';
import { UsageError } from './exit.js';

export interface ConnectFlags {
  readonly connect?: string | true;
  readonly name?: string;
  readonly prefix?: string;
  readonly schema?: string;
  readonly migrate?: boolean;
  readonly secretFile?: string;
}

/** Where a cluster is. */
export interface Place {
  readonly connection: Connection;
  /** Of the cluster; undefined: the default. */
  readonly name: string | undefined;
  readonly secret: readonly string[] | undefined;
  /** The URL as it may be printed. */
  readonly shown: string;
  /** The text without the passwords of the URL. */
  readonly clean: (text: string) => string;
}

const URL_VARIABLE = 'EVERPOOL_CONNECT';
const SECRET_VARIABLE = 'EVERPOOL_SECRET';
const SCHEMES = { 'redis:': 'redis', 'rediss:': 'redis', 'postgres:': 'postgres', 'postgresql:': 'postgres' } as const;
const HIDDEN = '***';

export function addConnectOptions(command: Command): Command {
  return command
    .option('--connect [url]', `the store: redis://…, rediss://… or postgres://… (default: the variable ${URL_VARIABLE})`)
    .option('--name <name>', 'the name of the cluster, such as images@2 (default: everpool)')
    .option('--prefix <text>', 'of the keys in Redis (default: everpool)')
    .option('--schema <name>', 'of the tables in PostgreSQL (default: everpool)')
    .option('--no-migrate', 'leave the tables in PostgreSQL as they are')
    .option('--secret-file <file>', `a secret on each line; the first one seals (or the variable ${SECRET_VARIABLE})`);
}

/** @throws UsageError */
export function placeOf(flags: ConnectFlags): Place {
  const text = typeof flags.connect === 'string' ? flags.connect : process.env[URL_VARIABLE];
  if (text === undefined || text === '')
    throw new UsageError(`--connect: expected the URL of the store, here or in the variable ${URL_VARIABLE}`);
  const url = parsed(text);
  const store = SCHEMES[url?.protocol as keyof typeof SCHEMES];
  if (url === undefined || store === undefined)
    throw new UsageError('--connect: expected redis://…, rediss://… or postgres://…; the text is not shown, as it may have a password');
  return {
    connection: store === 'redis' ? redisAt(text, flags) : postgresAt(text, flags),
    name: flags.name,
    secret: secretsOf(flags.secretFile),
    shown: shownUrl(url),
    clean: cleaner(text, url),
  };
}

function redisAt(redis: string, { prefix, schema, migrate }: ConnectFlags): Connection {
  if (schema !== undefined) throw new UsageError('--schema: Redis has none');
  if (migrate === false) throw new UsageError('--no-migrate: Redis has no tables');
  return { redis, prefix };
}

function postgresAt(postgres: string, { prefix, schema, migrate }: ConnectFlags): Connection {
  if (prefix !== undefined) throw new UsageError('--prefix: PostgreSQL has a --schema');
  return { postgres, schema, migrate: migrate === false ? false : undefined };
}

function parsed(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** No query either: pg takes a password there, too. */
function shownUrl({ protocol, username, password, host, pathname }: URL): string {
  const user = username === '' && password === '' ? '' : `${username}${password === '' ? '' : `:${HIDDEN}`}@`;
  return `${protocol}//${user}${host}${pathname === '/' ? '' : pathname}`;
}

function cleaner(text: string, url: URL): (text: string) => string {
  const passwords = [url.password, url.searchParams.get('password') ?? ''].flatMap((each) => [each, decoded(each)]);
  const hidden = new Set([text, ...passwords].filter((each) => each !== ''));
  return (line) => {
    let clean = line;
    for (const each of hidden) clean = clean.replaceAll(each, each === text ? shownUrl(url) : HIDDEN);
    return clean;
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A secret is never an argument, which every user of the machine can read. */
function secretsOf(file: string | undefined): readonly string[] | undefined {
  const text = file === undefined ? process.env[SECRET_VARIABLE] : contentOf(file);
  if (text === undefined) return undefined;
  const secrets = text.split(/\r?\n/).filter((line) => line !== '');
  if (secrets.length === 0) throw new UsageError(`${file === undefined ? SECRET_VARIABLE : `--secret-file: ${file}`} has no secret`);
  return secrets;
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`--secret-file: ${(cause as Error).message}`, { cause });
  }
}
