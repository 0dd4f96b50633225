/** The errors of tasks that do not start here, or were killed with the host. */
import { TaskTimeoutError } from '../../shared/errors.js';
import { HostLostError } from '../errors.js';
import type { TaskHead } from '../wire/task.js';

/** @param about the task, as errors name it */
export function silentError(id: string, about: string, { name, retries }: TaskHead, silences: number): HostLostError {
  const what = silences === 1 ? 'the host that had it was silent for longer than its lock' : `${silences} hosts that had it fell silent`;
  const text = `${about}: ${what}, so it may have started. ${advice(retries.crash)}`;
  return new HostLostError(text, { why: 'silent', host: undefined, taskId: id, taskName: name, attempts: [] });
}

export function drainedError(id: string, about: string, { name, retries }: TaskHead, host: string): HostLostError {
  const text = `${about}: its host ${host} was shut down, and killed it after drainMs. ${advice(retries.crash)}`;
  return new HostLostError(text, { why: 'drained', host, taskId: id, taskName: name, attempts: [] });
}

function advice(allowed: number): string {
  if (allowed === 0) return 'It was not started again; if running it twice is safe, set retries: { crash: n }.';
  return `It was not started again: retries.crash is ${allowed}.`;
}

export function queueTimeoutError(about: string, timeoutMs: number): TaskTimeoutError {
  return new TaskTimeoutError(`${about} did not start within ${timeoutMs} ms`, { kind: 'queue', timeoutMs });
}
