/**
 * The optional peers of the package. They are loaded when a store is opened, not when the package
 * is imported, and by `require`: BullMQ requires `pg` itself, which only its CommonJS build can do.
 */
import { createRequire } from 'node:module';
import { OptionsError } from '../../shared/errors.js';

export type BullMQ = typeof import('bullmq');
export type IORedis = typeof import('ioredis').Redis;

type Load = (name: string) => unknown;

const own: Load = createRequire(import.meta.url);

/** The store overrides protected methods, so the minor version counts. */
const BULLMQ = '6.7';
/** All that a program needs, so that it fails once. */
const FOR_REDIS = `bullmq@${BULLMQ} ioredis@6`;
const FOR_POSTGRES = `bullmq@${BULLMQ} pg@8`;

/** @throws OptionsError */
export function loadBullMQ(load: Load = own): BullMQ {
  const bullmq = loadPeer(load, 'bullmq', `${FOR_REDIS} (for PostgreSQL: ${FOR_POSTGRES})`) as BullMQ;
  const { version } = load('bullmq/package.json') as { version: string };
  if (version.startsWith(`${BULLMQ}.`)) return bullmq;
  throw new OptionsError(`connection: everpool works with bullmq ${BULLMQ}, and ${version} is installed: npm install bullmq@${BULLMQ}`);
}

/** @throws OptionsError */
export function loadIORedis(load: Load = own): IORedis {
  return (loadPeer(load, 'ioredis', FOR_REDIS) as typeof import('ioredis')).Redis;
}

/** The Lua of one of BullMQ's scripts. */
export function loadScript(name: 'removeJob' | 'addPrioritizedJob'): string {
  return (own('bullmq/dist/cjs/scripts') as Record<typeof name, { content: string }>)[name].content;
}

/** BullMQ loads it by itself, and says less when it is missing. @throws OptionsError */
export function checkPg(load: Load = own): void {
  loadPeer(load, 'pg', FOR_POSTGRES);
}

function loadPeer(load: Load, name: string, install: string): unknown {
  try {
    return load(name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new OptionsError(`connection: it needs the package ${name}, which is not installed: npm install ${install}`, { cause });
  }
}
