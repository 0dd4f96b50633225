import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { NodeClock } from '../../src/shared/node-clock.js';

const MODULE = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/shared/node-clock.ts')).href);

/** Runs a script that has a clock in a process of its own, and returns what the script printed. */
function inProcess(script: string): string {
  const source = `import { NodeClock } from ${MODULE}; const clock = new NodeClock(); ${script}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout;
}

describe('the real clock', () => {
  test('is shared by all processes of the machine', () => {
    const clock = new NodeClock();
    const before = clock.now();
    const theirs = Number(
      execFileSync(process.execPath, ['-p', 'const [s, n] = process.hrtime(); s * 1000 + n / 1e6'], { encoding: 'utf8' }),
    );
    expect(theirs).toBeGreaterThan(before);
    expect(theirs).toBeLessThan(clock.now());
  });

  test('keeps a process alive only while something holds it', () => {
    expect(inProcess(`clock.setTimer(() => console.log('late'), 60000);`)).toBe('');
    const held = `clock.hold(); clock.hold(); clock.release();
      clock.setTimer(() => { console.log('held'); clock.release(); clock.setTimer(() => console.log('not held'), 50); }, 50);`;
    expect(inProcess(held)).toBe('held\n');
    const again = `clock.hold(); clock.release(); clock.hold(); clock.setTimer(() => { console.log('held again'); clock.release(); }, 20);`;
    expect(inProcess(again)).toBe('held again\n');
  });
});
