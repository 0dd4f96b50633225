/**
 * ioredis, as a store needs it. It prints some answers of its handshake to the console, for which
 * it has no option; it keeps the commands that a store which is away has not answered, also after
 * the end; and it connects again after the end if BullMQ says so.
 */
import type { Redis } from 'ioredis';
import type { IORedis } from './peers.js';
import { messageOf } from './refusals.js';

/** ioredis prints these and goes on: a password that is not needed, a user in an old Redis. */
const PRINTED = /no password is set|without any password configured for the default user|wrong number of arguments for 'auth' command/;

export interface StoreClient extends Redis {
  /** Rejects what the store has not answered. */
  rejectAll(): void;
}

type Call = (...args: unknown[]) => Promise<unknown>;
type Calls = Readonly<Record<'auth' | 'hello' | 'info' | 'connect', Call>> & { flushQueue(error: Error): void };

export function redisClient(ioredis: IORedis, isClosed: () => boolean): new (...args: unknown[]) => StoreClient {
  const Base = ioredis as unknown as new (...args: unknown[]) => Calls;
  class QuietClient extends Base {
    override readonly auth: Call = (...args) => Reflect.apply(super.auth, this, args).catch(passOver);
    override readonly hello: Call = (...args) => Reflect.apply(super.hello, this, args).catch(passOver);
    override readonly info: Call = (...args) => Reflect.apply(super.info, this, args.map(orForbidden));
    override readonly connect: Call = (...args) => (isClosed() ? Promise.reject(closedError()) : Reflect.apply(super.connect, this, args));

    rejectAll(): void {
      this.flushQueue(closedError());
    }
  }
  return QuietClient as unknown as new (
    ...args: unknown[]
  ) => StoreClient;
}

function passOver(error: unknown): void {
  if (!PRINTED.test(messageOf(error))) throw error;
}

/** The callback is of ioredis' ready check, which can do without an answer. */
function orForbidden(argument: unknown): unknown {
  if (typeof argument !== 'function') return argument;
  return (error: unknown, answer: unknown) => (messageOf(error).includes('NOPERM') ? argument(null, {}) : argument(error, answer));
}

/** BullMQ knows it by its text. */
function closedError(): Error {
  return new Error('Connection is closed.');
}
