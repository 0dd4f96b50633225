/** `pool.tasks`: the functions of a module as methods. */

import type { TaskArgs, TaskName, TaskResult } from '../types.js';
import type { Task } from './task.js';

/**
 * The functions of a task module, as methods that return a Task: `tasks.add(1, 2)` is
 * `run('add', [1, 2])`.
 *
 * @example
 * const { add } = pool.tasks;
 * console.log(await add(1, 2));
 */
export type Tasks<M> = { [K in TaskName<M>]: (...args: TaskArgs<M, K>) => Task<TaskResult<M, K>> };

/**
 * Names that the language itself reads: a method `then` would make an `await` hang, and the others
 * would submit tasks.
 */
const OF_THE_LANGUAGE: readonly string[] = ['then', 'toJSON', 'toString', 'valueOf'];

export function tasksProxy<M>(run: (name: string, args: unknown[]) => Task<unknown>): Tasks<M> {
  const methods = new Map<string, (...args: unknown[]) => Task<unknown>>();
  return new Proxy(Object.create(null) as Tasks<M>, {
    get(_target, name) {
      if (typeof name === 'symbol' || OF_THE_LANGUAGE.includes(name)) return undefined;
      let method = methods.get(name);
      if (method === undefined) {
        method = (...args) => run(name, args);
        methods.set(name, method);
      }
      return method;
    },
  });
}
