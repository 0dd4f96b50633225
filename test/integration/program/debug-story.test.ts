/** NODE_DEBUG=everpool prints what happens in a pool, step by step, on stderr. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fixture } from '../../kit/pools.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = `
  import { Pool } from 'everpool';
  const pool = new Pool({ module: ${JSON.stringify(fixture('tasks.js'))}, size: 1, name: 'traced', stderr: 'ignore' });
  await pool.run('add', [1, 2]);
  await pool.run('exit', [3]).catch(() => undefined);
  await pool.close();
`;

function stderrOf(debug: string): string[] {
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NODE_DEBUG: debug },
  });
  expect(status).toBe(0);
  return stderr.split('\n').filter(Boolean);
}

describe('NODE_DEBUG', () => {
  test('everpool: each step of tasks, attempts, slots, workers and the pool, and how a worker died', () => {
    const lines = stderrOf('everpool').map((line) => line.replace(/^EVERPOOL \d+: /, ''));
    const expected = [
      'traced: slot 0: vacant → pacing',
      'traced: slot 0: vacant → occupied',
      'traced: task 1: new → queued',
      'traced: worker 1: starting → ready',
      'traced: task 1: queued → sent',
      'traced: task 1: sent → running',
      'traced: attempt at task 1: sent → started',
      'traced: attempt at task 1: started → ended',
      'traced: task 1: running → succeeded',
      'traced: worker 1: exited → dead',
      'traced: task 2: running → failed',
      'traced: pool 0: open → closing',
      'traced: pool 0: closing → leaving',
      'traced: pool 0: leaving → closed',
    ];
    expect(lines).toEqual(expect.arrayContaining(expected));
    expect(lines.some((line) => /^traced: worker 1 \(pid \d+\) exited with code 3 while running a task/.test(line))).toBe(true);
  });

  test('anything else: nothing', () => {
    expect(stderrOf('http')).toEqual([]);
  });
});
