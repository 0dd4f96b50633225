/** The messages of errors. The functions only build errors; they decide and settle nothing. */

import { EverpoolError, OptionsError, TaskCancelledError, TaskTimeoutError } from '../../shared/errors.js';
import { because } from '../../shared/program.js';
import { show } from '../../shared/show.js';
import { ResultLostError, StoreError } from '../errors.js';
import type { ClientTask } from './task-record.js';

export function aboutTask({ id, name, options }: Pick<ClientTask, 'id' | 'name' | 'options'>): string {
  return `task ${id} (${name}${options.tag === undefined ? '' : `, tag '${options.tag}'`})`;
}

/** Now, because reading the reason may run code of the program. */
export function cancelledError(record: ClientTask, reason: unknown): (isForced: boolean) => TaskCancelledError {
  const why = because(reason);
  return (forced) => {
    const how = forced ? 'was cancelled; it did not stop in time, so its worker was killed' : 'was cancelled';
    return new TaskCancelledError(`${aboutTask(record)} ${how}${why}`, { reason, forced });
  };
}

export function queueTimeoutError(record: ClientTask): TaskTimeoutError {
  const timeoutMs = record.options.queueTimeoutMs as number;
  const text = `${aboutTask(record)} did not start within ${timeoutMs} ms of its submission`;
  return new TaskTimeoutError(text, { kind: 'queue', timeoutMs });
}

export function missingError(record: ClientTask): ResultLostError {
  return new ResultLostError(
    `${aboutTask(record)} has left the store, and its outcome was not read: somebody removed it, or it was kept for longer than ` +
      `keepMs of the hosts. It may have run.`,
  );
}

/** @param found what the store has as its outcome */
export function unreadableError(record: ClientTask, found: unknown): ResultLostError {
  const shown = typeof found === 'string' ? show(found.slice(0, 200)) : show(found);
  return new ResultLostError(
    `${aboutTask(record)} has ended, but what the store has as its outcome is not valid: it is incomplete, was not written by a host ` +
      `of this version, or is not sealed with a secret of this client. It is ${shown}`,
  );
}

export function refusedError(record: ClientTask, cause: unknown): StoreError {
  return new StoreError(`the store refuses ${aboutTask(record)}${because(cause)}`, { cause });
}

export function otherSecretError(id: string, afterMs: number): OptionsError {
  return new OptionsError(
    `secret: task ${id} still runs after ${afterMs} ms. It is sealed with a secret that this client does not have, so its host ` +
      `probably refuses this client: give it a secret of the hosts`,
  );
}

export function batchError(id: string, what: string): EverpoolError {
  return new EverpoolError(`batch ${id}: ${what}`, 'ERR_EVERPOOL_BATCH');
}
