/** The acts of the user of one seed, and their times. */
import type { TaskOptions } from '../../src/pool/options/option-types.js';
import type { Random } from '../../src/testing/random.js';
import type { Action, End } from './action.js';
import { type SimTaskName, TASK_NAMES } from './tasks.js';

export function actionsOf(random: Random, length: number, spanMs: number): Action[] {
  const actions: Action[] = [];
  const shy = random.chance(0.2); // a user who only submits
  for (let i = 0; i < length; i++) actions.push(actionOf(random, random.next() * spanMs, shy));
  return actions.sort((a, b) => a.at - b.at);
}

/** More tasks than the control file of a worker has cells, and a few others. */
export function floodOf(random: Random): Action[] {
  const flood: Action = { at: random.between(0, 100), do: 'flood', count: random.integer(1030, 2100) };
  const others = Array.from({ length: random.integer(0, 5) }, () => runOf(random, random.next() * 300));
  return [flood, ...others].sort((a, b) => a.at - b.at);
}

function actionOf(random: Random, at: number, isShy: boolean): Action {
  if (isShy || random.chance(0.6)) return runOf(random, at);
  const which = random.next();
  switch (random.integer(0, 19)) {
    case 0:
    case 1:
    case 2:
      return { at, do: 'cancel', which };
    case 3:
    case 4:
      return { at, do: 'kill', which };
    case 5:
      return { at, do: 'abort', which };
    case 6:
      return { at, do: 'killWorker', which };
    case 7:
    case 8:
      return { at, do: 'strike', which };
    case 9:
      return { at, do: 'listen', which };
    case 10:
      return {
        at,
        do: 'killTasks',
        tag: random.pick([undefined, 'a', 'b']),
        queued: random.chance(0.8),
        running: random.chance(0.8),
      };
    case 11: {
      const max = random.integer(1, 5);
      return { at, do: 'resize', max, min: random.chance(0.7) ? max : random.integer(0, max) };
    }
    case 12:
      return {
        at,
        do: 'map',
        count: random.integer(0, 20),
        name: random.pick(['quick', 'sleep', 'spin', 'throwsSoon'] as const),
        ordered: random.chance(0.5),
        use: random.integer(0, 4),
        cancelAfterMs: random.chance(0.3) ? random.between(0, 50) : Number.POSITIVE_INFINITY,
      };
    case 14: {
      const count = random.integer(0, 60);
      const takes = random.chance(0.5) ? count : random.integer(0, count);
      return {
        at,
        do: 'stream',
        count,
        takes,
        pauseMs: random.pick([0, 0, 5]),
        stepMs: random.pick([0, 0, 1]),
        retries: random.integer(0, 2),
      };
    }
    case 15: {
      const names = Array.from({ length: random.integer(0, 8) }, () => random.pick(['quick', 'sleep', 'never', 'spin'] as const));
      return { at, do: 'scope', names, leaveAfterMs: random.pick([0, 0.5, 5, 50]) };
    }
    case 16: {
      const count = random.integer(1, 40);
      return {
        at,
        do: 'chunks',
        count,
        chunkSize: random.pick(['auto', 2, 5, 20] as const),
        retries: random.integer(0, 2),
        stepMs: random.pick([0, 0, 0.2, 2]),
        poison: random.chance(0.4) ? random.integer(0, count - 1) : undefined,
      };
    }
    case 18:
      return { at, do: 'journal', count: random.integer(0, 12), stepMs: random.pick([0, 0.2, 2]), use: random.integer(0, 2) };
    case 13:
    case 17:
      return { at, do: 'restart', rolling: random.chance(0.7) };
    default:
      return { at, do: random.pick(['pause', 'resume', 'resume', 'revive', 'ready', 'idle', 'room'] as const) };
  }
}

function runOf(random: Random, at: number): Action {
  const roll = random.next();
  const name: SimTaskName = roll < 0.35 ? 'quick' : roll < 0.5 ? 'sleep' : roll < 0.65 ? 'spin' : random.pick(TASK_NAMES);
  const arg = random.pick([0, 0.1, 0.9, 3, 10, 100]);
  const options: TaskOptions = {};
  if (random.chance(0.2)) options.timeoutMs = random.pick([1, 5, 20, 200]);
  if (random.chance(0.1)) options.softTimeoutMs = random.pick([1, 5, 20]);
  if (random.chance(0.2)) options.queueTimeoutMs = random.pick([0.2, 0.5, 1, 20, 200]);
  if (random.chance(0.2)) options.priority = random.integer(-1, 2);
  if (random.chance(0.3)) options.tag = random.pick(['a', 'b']);
  if (random.chance(0.3)) {
    options.retries = {
      crash: random.pick([0, 1, 3, 100]),
      timeout: random.pick([0, 0, 1]),
      error: random.pick([0, 1, 2]),
      delayMs: random.pick([0, 0, 5, 100]),
    };
  }
  return {
    at,
    do: 'run',
    name,
    arg,
    options,
    count: random.chance(0.2) ? random.integer(2, 30) : 1,
    withSignal: random.chance(0.1),
    end: random.chance(0.2) ? endOf(random, arg, options.queueTimeoutMs) : undefined,
  };
}

/** A time near that at which something else ends it: the task itself, or its queue timeout. */
function endOf(random: Random, arg: number, queueTimeoutMs: number | undefined): End {
  const how = random.chance(0.7) ? 'cancel' : 'kill';
  if (queueTimeoutMs !== undefined) return { how, afterMs: Math.max(0, queueTimeoutMs - random.skewed(1)) };
  return { how, afterMs: random.next() * (arg * 1.5 + 3) };
}
