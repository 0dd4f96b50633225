/** A process whose clients and hosts have ended, or wait for nothing, exits by itself, and at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../../src/cluster/types.js';
import { forEachStore, freshName } from '../../kit/stores.js';

const PROGRAM = new URL('../../fixtures/cluster/ends.js', import.meta.url).pathname;

/** Returns the milliseconds from its last line to its exit. */
async function lingers(how: string, connection: Connection): Promise<number> {
  const argument = JSON.stringify({ how, connection, name: freshName() });
  const child = spawn(process.execPath, [PROGRAM, argument], { stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000 });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  const endedAt = performance.now();
  const [code] = await exited;
  expect(code).toBe(0);
  return performance.now() - endedAt;
}

forEachStore((server) => {
  for (const how of ['work', 'close', 'closeAtOnce', 'terminate', 'detach', 'aborted', 'noModule', 'idle', 'attached', 'idleAtOnce']) {
    test(how, async () => {
      expect(await lingers(how, server.connection())).toBeLessThan(1500);
    });
  }
});

describe('without a server', () => {
  const nowhere: Connection[] = [{ redis: 'redis://127.0.0.1:1' }, { postgres: 'postgres://127.0.0.1:1/x' }];
  for (const how of ['closeAtOnce', 'notReady', 'terminate', 'idleAtOnce']) {
    test(how, async () => {
      for (const connection of nowhere) expect(await lingers(how, connection)).toBeLessThan(1500);
    });
  }
});
