/**
 * Checks where the store is. No message shows an URL or an object that was given, because both may
 * hold a password.
 */
import { boolean, check, integerFrom1, invalid, plainObject, type Rule, readBy, Section } from '../../shared/check.js';
import { OptionsError } from '../../shared/errors.js';
import { clusterName } from '../options.js';

type DriverOptions = Readonly<Record<string, unknown>>;

export interface RedisTarget {
  readonly kind: 'redis';
  readonly driver: string | DriverOptions;
  readonly prefix: string;
}

export interface PostgresTarget {
  readonly kind: 'postgres';
  readonly driver: string | DriverOptions;
  readonly schema: string;
  readonly migrate: boolean;
  /** The connections of the pool; undefined: as many as the role needs. */
  readonly max: number | undefined;
}

export type Target = RedisTarget | PostgresTarget;

const KEYS = ['redis', 'prefix', 'postgres', 'schema', 'migrate', 'max'] as const;
const REDIS_ONLY = ['prefix'] as const;
const POSTGRES_ONLY = ['schema', 'migrate', 'max'] as const;

const prefix = textRule('a non-empty string without spaces', /^[^\s\0]{1,200}$/);
const schema = textRule('a letter or _, then at most 62 letters, digits, _ or $', /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/);

function textRule(text: string, pattern: RegExp): Rule<string> {
  return { text, holds: (value): value is string => typeof value === 'string' && pattern.test(value) };
}

/** The `name` of a cluster. @throws OptionsError */
export function checkQueueName(path: string, value: unknown): string {
  return check(path, clusterName, value);
}

/** @throws OptionsError */
export function checkConnection(path: string, value: unknown): Target {
  if (typeof value !== 'object' || value === null) throw wrong(path, '{redis} or {postgres}', value);
  const section = new Section(path, value, KEYS);
  const [redis, postgres] = [section.raw('redis'), section.raw('postgres')];
  if ((redis === undefined) === (postgres === undefined)) throw new OptionsError(`${path}: expected either redis or postgres`);
  for (const key of redis === undefined ? REDIS_ONLY : POSTGRES_ONLY) {
    if (section.raw(key) !== undefined)
      throw new OptionsError(`${section.path(key)}: it is an option of ${redis === undefined ? 'redis' : 'postgres'} only`);
  }
  if (redis !== undefined) {
    const driver = checkDriver(
      section.path('redis'),
      redis,
      ['redis:', 'rediss:'],
      'a redis:// or rediss:// URL, or the options of ioredis',
    );
    return { kind: 'redis', driver, prefix: section.get('prefix', prefix, 'everpool') };
  }
  return {
    kind: 'postgres',
    driver: checkDriver(section.path('postgres'), postgres, ['postgres:', 'postgresql:'], 'a postgres:// URL, or the options of pg'),
    schema: section.get('schema', schema, 'everpool'),
    migrate: section.get('migrate', boolean, true),
    max: section.get('max', integerFrom1, undefined),
  };
}

function checkDriver(path: string, value: unknown, protocols: readonly string[], rule: string): string | DriverOptions {
  if (typeof value === 'string') {
    // Without a cause: the error of an URL quotes it.
    if (!URL.canParse(value)) throw wrong(path, rule, value);
    const { protocol } = new URL(value);
    if (protocols.includes(protocol)) return value;
    throw new OptionsError(`${path}: expected ${rule}, got an URL of ${protocol}`);
  }
  if (typeof value !== 'object' || value === null) throw wrong(path, rule, value);
  const given = plainObject(path, value);
  const isClient = readBy(path, () => typeof given['connect'] === 'function' || typeof given['query'] === 'function');
  if (isClient) throw new OptionsError(`${path}: expected ${rule}, got a client or a pool: the store makes connections of its own`);
  const copy = readBy(path, () => ({ ...given }));
  if (protocols.includes('redis:') && copy['keyPrefix'] !== undefined && copy['keyPrefix'] !== '')
    throw new OptionsError(`${path}.keyPrefix: it is not possible here; write connection.prefix`);
  return copy;
}

/** A text may be an URL with a password, so only its type is shown. */
function wrong(path: string, rule: string, value: unknown): OptionsError {
  return typeof value === 'string' ? new OptionsError(`${path}: expected ${rule}, got a string`) : invalid(path, rule, value);
}
