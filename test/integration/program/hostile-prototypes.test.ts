/**
 * Programs that freeze the built-in objects of JavaScript, or put properties on the prototype of
 * all objects.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { fixture } from '../../kit/pools.js';

const run = promisify(execFile);
async function output(flags: string[], program: string, ...args: string[]): Promise<unknown> {
  const { stdout } = await run(process.execPath, [...flags, fileURLToPath(fixture(program)), ...args], { timeout: 50_000 });
  return JSON.parse(stdout);
}

describe('a program that freezes all built-in objects, in itself and its tasks', () => {
  const right = {
    values: [0, 1, 2],
    heard: [0, 1],
    state: 'closed',
    froze: true,
    sum: 3,
    map: [2, 3, 4],
    rich: true,
    boom: 'TypeError boom',
    died: 'WorkerDiedError ERR_EVERPOOL_WORKER_DIED',
    cancelled: 'TaskCancelledError ERR_EVERPOOL_CANCELLED',
    timeout: 'TaskTimeoutError ERR_EVERPOOL_TIMEOUT',
    scope: 3,
    stack: true,
  };

  test.each(['before', 'after'])('%s it makes its pool, runs everything', async (when) => {
    expect(await output([], 'program-with-frozen-intrinsics.js', when)).toEqual(right);
  });

  test("with Node's own flag, runs everything", async () => {
    expect(await output(['--frozen-intrinsics'], 'program-with-frozen-intrinsics.js', 'never')).toEqual(right);
  });
});

test('getters that throw, on the prototype of all objects: right results or an error, nothing uncaught, and the pool works once they are removed', async () => {
  // Without those that Node's own streams read (`signal`, `error`, `writable` …), which keep Node
  // from starting processes.
  const names = ['then', 'toJSON', 'get', 'set', 'code', 'cause', 'once', 'priority', 'id', 'message', 'reason', 'name', 'stack'];
  const { uncaught, table } = (await output([], 'program-with-polluted-prototypes.js', ...names)) as {
    uncaught: number;
    table: [string, string[]][];
  };
  expect(uncaught).toBe(0);
  expect(table.map(([name]) => name)).toEqual(names);
  for (const [name, outcomes] of table) {
    expect(outcomes, name).toHaveLength(9);
    expect(outcomes.slice(-2), name).toEqual(['ok', 'ok']);
    // Neither the pool nor Node reads these three in each task.
    if (['get', 'once', 'reason'].includes(name)) {
      expect(outcomes, name).toEqual(['ok', 'ok', 'boom', 'ok', 'ERR_EVERPOOL_WORKER_DIED', 'ERR_EVERPOOL_TIMEOUT', 'ok', 'ok', 'ok']);
    }
  }
});
