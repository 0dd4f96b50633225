/** The errors that only a cluster raises. Those of its hosts' pools are in shared/errors.ts. */
import { setName } from '../shared/error-class.js';
import { EverpoolError, WorkerDiedError } from '../shared/errors.js';
import { diedFields, isOneOf, isString, optional, restorable } from '../shared/restore-error.js';
import type { Attempt, Death } from '../shared/types.js';

export interface HostLostDetails {
  /** `silent`: it died, froze or was cut off. `drained`: it was shut down. */
  readonly why: 'silent' | 'drained';
  /** The name of the host, if anybody was left to say it. */
  readonly host: string | undefined;
  readonly taskId: string;
  readonly taskName: string;
  readonly attempts: readonly Attempt[];
  readonly cause?: unknown;
}

/**
 * The host died, froze or was cut off for longer than its lock (`why: 'silent'`), or was shut down
 * (`'drained'`), while it had the task. The task may have started, and may even have finished:
 * without retries it is not started again. A WorkerDiedError, with `death.cause: 'host'`. Code:
 * `ERR_EVERPOOL_HOST_LOST`.
 *
 * @example
 * cluster.run('parse', [file]).catch((error) => {
 *   if (error instanceof HostLostError) console.error(error.why, error.host);
 * });
 */
export class HostLostError extends WorkerDiedError {
  static {
    setName(HostLostError, 'HostLostError');
  }

  /** `silent`: it died, froze or was cut off. `drained`: it was shut down. */
  readonly why: 'silent' | 'drained';
  /** The name of the host; undefined when nobody was left to say it. */
  readonly host: string | undefined;

  constructor(message: string, details: HostLostDetails) {
    const { why, host, ...died } = details;
    super(message, { ...died, death: deathOf(why) }, 'ERR_EVERPOOL_HOST_LOST');
    this.why = why;
    this.host = host;
  }
}

/** Nobody is left who could say more. */
function deathOf(why: 'silent' | 'drained'): Death {
  const unknown = { pid: undefined, exitCode: null, signal: null, uptimeMs: 0, stderrTail: '' };
  return { cause: 'host', phase: 'task', requested: why === 'drained', ...unknown };
}

/**
 * The task has left the store without its outcome having been read: removed by an operator, or
 * older than `keepMs`. Code: `ERR_EVERPOOL_RESULT_LOST`.
 *
 * @example
 * cluster.run('parse', [file]).catch((error) => {
 *   if (error instanceof ResultLostError) console.error('it may have run', error.message);
 * });
 */
export class ResultLostError extends EverpoolError {
  static {
    setName(ResultLostError, 'ResultLostError');
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_EVERPOOL_RESULT_LOST', options);
  }
}

/**
 * The store refuses: a wrong password, a missing right, too old a version, an eviction policy other
 * than `noeviction`. Code: `ERR_EVERPOOL_STORE`.
 *
 * @example
 * await cluster.ready().catch((error) => {
 *   if (error instanceof StoreError) console.error(error.message, error.cause);
 * });
 */
export class StoreError extends EverpoolError {
  static {
    setName(StoreError, 'StoreError');
  }

  constructor(message: string, options?: ErrorOptions) {
    super(message, 'ERR_EVERPOOL_STORE', options);
  }
}

const lostFields = { ...diedFields, why: isOneOf('silent', 'drained'), host: optional(isString) };
restorable.set('ERR_EVERPOOL_HOST_LOST', { errorClass: HostLostError, fields: lostFields });
restorable.set('ERR_EVERPOOL_RESULT_LOST', { errorClass: ResultLostError, fields: {} });
restorable.set('ERR_EVERPOOL_STORE', { errorClass: StoreError, fields: {} });
