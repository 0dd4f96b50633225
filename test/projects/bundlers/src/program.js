/** What every bundle does: it prints what its tasks gave, and what they saw of their worker. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool, TaskTimeoutError, WorkerDiedError } from 'everpool';

/** The task and nothing else: no frame of everpool is below it. */
const isOneFrame = (stack) => /^ {4}at .*:\d+:\d+\)$/.test(stack);

export async function runProgram(module) {
  const folder = mkdtempSync(join(tmpdir(), 'everpool-project-'));
  const mark = join(folder, 'stopped');
  const pool = new Pool({ module, size: 1, workerData: { mark }, argv: ['--given'], diagnose: true });
  let spawned = 0;
  pool.on('workerSpawned', () => spawned++);
  try {
    const sum = await pool.run('add', [1, 2]);
    const seen = await pool.run('look');
    const mapped = await pool.map('add1', [1, 2, 3], { retries: 1 });
    const thrown = await pool.run('boom').catch((error) => error);
    const yielded = [];
    for await (const value of pool.stream('count', [3])) yielded.push(value);
    const death = await pool.run('die').catch((error) => error);
    let late;
    let tries = 0;
    // The kill waits a moment for the stack: on a busy machine that may not be enough, or the task may not have begun.
    do {
      late = await pool.run('spin', [], { timeoutMs: 100 }).catch((error) => error);
      tries++;
    } while (late instanceof TaskTimeoutError && !isOneFrame(late.workerStack));
    await pool.run('add', [1, 2]); // in the worker that came after it, and is to stop
    await pool.close();
    return {
      sum,
      ...seen,
      mapped,
      thrown: [thrown instanceof RangeError, thrown.message, thrown.code],
      yielded,
      died: death instanceof WorkerDiedError && death.death.exitCode,
      late: late instanceof TaskTimeoutError,
      stopped: existsSync(mark),
      spawnedOften: spawned > 6 + tries,
    };
  } finally {
    await pool.kill();
    rmSync(folder, { recursive: true });
  }
}
