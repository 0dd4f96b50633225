/**
 * Errors of the package that come from another machine. The codec carries their message, stack,
 * cause and own properties, but not their class: it makes a plain Error of each. By its code, such
 * an error gets its class back, if it has all that an instance of the class has.
 *
 * Whoever wrote the bytes may be hostile, so only own data properties count, and an error that does
 * not fit stays as it is.
 */
import {
  EverpoolError,
  OptionsError,
  OutOfMemoryError,
  PoolBrokenError,
  PoolClosedError,
  QueueFullError,
  SerializationError,
  TaskCancelledError,
  TaskTimeoutError,
  UnknownTaskError,
  WorkerDiedError,
} from './errors.js';
import { isError } from './program.js';

export type Check = (value: unknown) => boolean;
/** What the own properties have to be; a missing one is undefined. */
export type Fields = Readonly<Record<string, Check>>;

export interface Restorable {
  readonly errorClass: { readonly prototype: Error };
  readonly fields: Fields;
}

export const isString: Check = (value) => typeof value === 'string';
const isNumber: Check = (value) => typeof value === 'number';
const isBoolean: Check = (value) => typeof value === 'boolean';

export function isOneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

function either(...checks: readonly Check[]): Check {
  return (value) => checks.some((check) => check(value));
}

export function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function listOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return false;
    // Ends at the first hole: a list may claim a length of billions.
    for (let i = 0; i < value.length; i++) if (!check(value[i])) return false;
    return true;
  };
}

function record(fields: Fields): Check {
  return (value) => typeof value === 'object' && value !== null && hasFields(value, fields);
}

function hasFields(object: object, fields: Fields): boolean {
  return Object.entries(fields).every(([key, check]) => check(ownData(object, key)));
}

function ownData(object: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value;
}

const isDeath: Check = record({
  cause: isOneOf('spawn', 'exit', 'signal', 'disconnect', 'protocol', 'boot-timeout', 'unresponsive', 'memory', 'host'),
  phase: isOneOf('boot', 'idle', 'task', 'stopping'),
  requested: isBoolean,
  pid: optional(isNumber),
  exitCode: either(isNumber, isOneOf(null)),
  signal: either(isString, isOneOf(null)),
  uptimeMs: isNumber,
  stderrTail: isString,
  detail: optional(isString),
  samples: optional(listOf(record({ uptimeMs: isNumber, rssBytes: isNumber }))),
});

const isAttempt: Check = record({
  number: isNumber,
  workerId: isNumber,
  pid: isNumber,
  startedAt: isNumber,
  endedAt: optional(isNumber),
  outcome: isOneOf(undefined, 'ok', 'error', 'timeout', 'cancelled', 'orphaned'),
});

/** The own properties of a WorkerDiedError. */
export const diedFields: Fields = {
  death: isDeath,
  taskId: either(isNumber, isString),
  taskName: isString,
  attempts: listOf(isAttempt),
};

/** The classes by their codes. An entry point with classes of its own adds them. */
export const restorable: Map<string, Restorable> = new Map([
  ['ERR_EVERPOOL_OPTIONS', { errorClass: OptionsError, fields: {} }],
  ['ERR_EVERPOOL_UNKNOWN_TASK', { errorClass: UnknownTaskError, fields: { taskName: isString, exports: listOf(isString) } }],
  ['ERR_EVERPOOL_WORKER_DIED', { errorClass: WorkerDiedError, fields: diedFields }],
  ['ERR_EVERPOOL_OUT_OF_MEMORY', { errorClass: OutOfMemoryError, fields: diedFields }],
  [
    'ERR_EVERPOOL_TIMEOUT',
    { errorClass: TaskTimeoutError, fields: { kind: isOneOf('run', 'queue'), timeoutMs: isNumber, workerStack: optional(isString) } },
  ],
  ['ERR_EVERPOOL_CANCELLED', { errorClass: TaskCancelledError, fields: { forced: isBoolean } }],
  ['ERR_EVERPOOL_QUEUE_FULL', { errorClass: QueueFullError, fields: {} }],
  ['ERR_EVERPOOL_CLOSED', { errorClass: PoolClosedError, fields: {} }],
  ['ERR_EVERPOOL_BROKEN', { errorClass: PoolBrokenError, fields: { death: isDeath } }],
  ['ERR_EVERPOOL_SERIALIZATION', { errorClass: SerializationError, fields: { side: isOneOf('arguments', 'result', 'error', 'progress') } }],
]);

/** The other codes are those of errors without a class of their own, perhaps of a later version. */
const UNCLASSED: Restorable = { errorClass: EverpoolError, fields: {} };
const CODE = /^ERR_EVERPOOL_[A-Z_]+$/;
const TEXTS: Fields = { message: isString, stack: optional(isString) };

/**
 * Gives a decoded error of the package its class: the same object, with its message, stack, cause
 * and properties. Everything else is returned as it is. Never throws.
 */
export function restoreError(error: unknown): unknown {
  try {
    if (!isError(error) || Object.getPrototypeOf(error) !== Error.prototype || !hasFields(error, TEXTS)) return error;
    const code = ownData(error, 'code');
    if (typeof code !== 'string' || !CODE.test(code)) return error;
    const { errorClass, fields } = restorable.get(code) ?? UNCLASSED;
    if (!hasFields(error, fields)) return error;
    Object.setPrototypeOf(error, errorClass.prototype);
    Reflect.deleteProperty(error, 'name'); // the prototype has it
  } catch {
    // a Proxy, or a frozen error, that no decoder returns
  }
  return error;
}
