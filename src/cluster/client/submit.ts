/** From a call of the program to a task on its way: checks, encoding, refusals. */
import type { Encoded } from '../../ipc/codec/codec.js';
import type { ResolvedRetries, ResolvedTaskOptions } from '../../pool/options/task-options.js';
import { encodeArgs } from '../../pool/task/encode-args.js';
import { type AnyFunction, captureCaller } from '../../pool/task/submission-stack.js';
import { SerializationError } from '../../shared/errors.js';
import { guarded } from '../../shared/program.js';
import { isAborted, reasonOf } from '../../shared/signals.js';
import { type TaskData, type TaskHead, writeTask } from '../wire/task.js';
import { toText } from '../wire/text.js';
import type { ClientCore } from './client-core.js';
import { TaskHandle } from './cluster-task.js';

/** No further stacks are captured while more tasks than this are pending. */
const MOST_CAPTURED = 100;
/** The delays that are evaluated beforehand; the last one counts for all further retries. */
const MOST_DELAYS = 1000;

/** Submits a task and returns its promise; refusals reject it. */
export function submitTask<R>(
  core: ClientCore,
  name: string,
  args: readonly unknown[],
  options: ResolvedTaskOptions,
  below: AnyFunction,
): TaskHandle<R> {
  const { signal, tag } = options;
  if (signal !== undefined && isAborted(signal)) return TaskHandle.refused(reasonOf(signal), name, tag, 'cancelled');
  let data: TaskData;
  const id = nextId(core);
  try {
    throwRefusal(core);
    data = taskData(core, id, name, encodeArgs(name, args), options);
    throwRefusal(core); // getters among the arguments, and `delayMs`, are code of the program
  } catch (error) {
    return TaskHandle.refused(error, name, tag);
  }
  const task = TaskHandle.pending<R>();
  const record = core.take('buffered', id, name, data, totalOf(options.retries), false, options, task);
  if (core.pending.size <= MOST_CAPTURED) record.caller = captureCaller(below);
  core.sender.add(record);
  return task.bind(core, record);
}

function throwRefusal(core: ClientCore): void {
  const refusal = core.refusal();
  if (refusal !== undefined) throw refusal;
}

export function nextId(core: ClientCore): string {
  return `t-${core.clientId}-${core.nextNumber()}`;
}

/** @throws SerializationError if the arguments are larger than `payloadLimit` */
export function taskData(core: ClientCore, id: string, name: string, encoded: Encoded, options: ResolvedTaskOptions): TaskData {
  const args = toText(encoded);
  const { payloadLimit } = core.options;
  if (args.length > payloadLimit) {
    const text = `the arguments of ${name} are larger than payloadLimit: ${args.length} of ${payloadLimit} bytes`;
    throw new SerializationError(text, { side: 'arguments' });
  }
  const { tag, timeoutMs, softTimeoutMs, queueTimeoutMs, retries, onProgress } = options;
  const head: TaskHead = {
    name,
    ...(tag === undefined ? {} : { tag }),
    at: core.clock.epoch + core.clock.now(),
    client: core.clientId,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(softTimeoutMs === undefined ? {} : { softTimeoutMs }),
    ...(queueTimeoutMs === undefined ? {} : { queueTimeoutMs }),
    retries: { crash: retries.crash, timeout: retries.timeout, error: retries.error },
    delaysMs: delaysOf(retries),
    ...(onProgress === undefined ? {} : { wantsProgress: true }),
  };
  return writeTask(id, head, args, core.seals);
}

export function totalOf({ crash, timeout, error }: ResolvedRetries): number {
  return Math.min(crash + timeout + error, Number.MAX_SAFE_INTEGER);
}

/** A function is evaluated now, because it cannot travel. */
function delaysOf(retries: ResolvedRetries): number[] {
  const { delayMs } = retries;
  if (typeof delayMs === 'number') return delayMs === 0 ? [] : [delayMs];
  return Array.from({ length: Math.min(totalOf(retries), MOST_DELAYS) }, (_, index) => {
    let answer = 0;
    guarded('retries.delayMs', () => {
      const given: unknown = delayMs(index + 1);
      answer = Number(given);
      return given;
    });
    return answer > 0 && answer < Number.POSITIVE_INFINITY ? answer : 0; // as in a pool
  });
}
